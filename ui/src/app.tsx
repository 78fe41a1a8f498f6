import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { Announcer } from './parts/basics.js';
import { Icon } from './parts/marks.js';
import { FindPlace } from './places/find.js';
import { HostsPlace } from './places/hosts.js';
import { ImportPlace } from './places/import.js';
import { ImportsPlace } from './places/imports.js';
import { ItemPlace } from './places/item.js';
import { LibraryPlace } from './places/library.js';
import { MediaPlace } from './places/media.js';
import { NewImportPlace } from './places/new-import.js';
import { SignInPlace } from './places/sign-in.js';
import { go, href, parameter, place, segments, visits } from './router.js';
import { claims, isSignedIn, mayOperate, mayWrite, signOut } from './session.js';
import { exactTime } from './words/numbers.js';

export function App() {
  if (!isSignedIn.value)
    return (
      <>
        <SignInPlace />
        <Announcer />
      </>
    );
  return (
    <>
      <a class="skip" href="#content" onClick={focusContent}>
        Skip to the content
      </a>
      <Header />
      <Main>{placeHere()}</Main>
      <Announcer />
    </>
  );
}

/** What stands at the address. */
function placeHere() {
  const [first = '', id = '', below = '', seq = ''] = segments.value;
  if (first === '') return <ImportsPlace />;
  if (first === 'new') return <NewImportPlace />;
  if (first === 'imports' && id !== '' && below === 'items')
    return <ItemPlace key={`${id}/${seq}`} id={id} seq={seq} />;
  if (first === 'imports' && id !== '') return <ImportPlace key={id} id={id} />;
  if (first === 'media' && id !== '') return <MediaPlace key={id} id={id} />;
  if (first === 'media') return <LibraryPlace />;
  if (first === 'hosts') return <HostsPlace />;
  if (first === 'find') return <FindPlace />;
  return <Nowhere />;
}

function focusContent(event: Event) {
  event.preventDefault();
  document.getElementById('content')?.focus();
}

/** The content; the focus moves here when another place is gone to, so that a screen reader begins there. */
function Main({ children }: { readonly children: ComponentChildren }) {
  const element = useRef<HTMLElement>(null);
  const visit = visits.value;
  useEffect(() => {
    if (visit > 0) element.current?.focus({ preventScroll: true });
  }, [visit]);
  return (
    <main id="content" ref={element} tabIndex={-1}>
      {children}
    </main>
  );
}

const TABS = [
  ['', 'Imports', ['', 'imports', 'new']],
  ['media', 'Library', ['media']],
  ['hosts', 'Hosts', ['hosts']],
] as const;

function Header() {
  const first = segments.value[0] ?? '';
  return (
    <header class="top">
      <div class="top-inner">
        <a class="brand" href={href('')}>
          <svg viewBox="0 0 32 32" width="24" height="24" aria-hidden="true">
            <rect width="32" height="32" rx="8" class="brand-ground" />
            <path d="M16 7v11m0 0-5-5m5 5 5-5M8 24h16" class="brand-line" />
          </svg>
          <span class="brand-name">durable-import</span>
        </a>
        <nav aria-label="Places">
          {TABS.map(([path, name, below]) => (
            <a
              key={path}
              href={href(path)}
              aria-current={(below as readonly string[]).includes(first) ? 'page' : undefined}
            >
              {name}
            </a>
          ))}
        </nav>
        <form
          class="search find"
          role="search"
          onSubmit={(event) => {
            event.preventDefault();
            const q = new FormData(event.currentTarget).get('q');
            if (typeof q === 'string' && q.trim() !== '') go(href('find', { q: q.trim() }));
          }}
        >
          <Icon name="search" />
          <input
            key={place.value.path}
            type="search"
            name="q"
            aria-label="Find an id or an address"
            placeholder="Find an id or an address"
            defaultValue={first === 'find' ? (parameter('q') ?? '') : ''}
          />
        </form>
        {mayWrite.value ? (
          <a class="button primary new" href={href('new')}>
            New import
          </a>
        ) : null}
        <Person />
      </div>
    </header>
  );
}

/** Who is signed in, and what the token allows. */
function Person() {
  const who = claims.value;
  return (
    <>
      <button type="button" class="quiet person" popovertarget="person" aria-label="Your access">
        <Icon name="person" />
      </button>
      <div id="person" popover="auto" class="card person-card">
        <p class="strong">{who?.name ?? 'A token without a name'}</p>
        <dl class="facts">
          <dt>Project</dt>
          <dd>{who?.projectId ?? 'not told'}</dd>
          <dt>May</dt>
          <dd>{allowed()}</dd>
          {who?.expiresAt === null || who === null ? null : (
            <>
              <dt>Until</dt>
              <dd>{exactTime(who.expiresAt)}</dd>
            </>
          )}
        </dl>
        <button
          type="button"
          onClick={() => {
            signOut();
          }}
        >
          Sign out
        </button>
      </div>
    </>
  );
}

function allowed(): string {
  const parts = ['see everything of the project'];
  if (mayWrite.value) parts.push('import, retry and delete');
  if (mayOperate.value) parts.push('steer hosts');
  return parts.join(', ');
}

function Nowhere() {
  useEffect(() => {
    document.title = 'Nothing here';
  }, []);
  return (
    <div class="empty">
      <h1 class="empty-title">There is nothing at this address</h1>
      <p>
        <a href={href('')}>All imports</a>
      </p>
    </div>
  );
}

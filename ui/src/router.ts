import { computed, signal } from '@preact/signals';

/** The page is served below this path. */
const ROOT = '/ui';

interface Place {
  /** Below the root, without slashes at its ends: `imports/abc`. */
  readonly path: string;
  readonly query: URLSearchParams;
}

function here(): Place {
  const { pathname, search } = window.location;
  return { path: pathname.slice(ROOT.length).replace(/^\/+|\/+$/g, ''), query: new URLSearchParams(search) };
}

export const place = signal<Place>(here());
/** Parts of the path, decoded. */
export const segments = computed(() => place.value.path.split('/').map(decode));
/** Counts the places that were gone to, so that the focus moves to the new one. */
export const visits = signal(0);

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The address of a place, for links. */
export function href(path: string, query: Readonly<Record<string, string | undefined>> = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    if (value !== undefined && value !== '') parameters.set(name, value);
  const text = parameters.toString();
  return `${ROOT}/${path}${text === '' ? '' : `?${text}`}`;
}

/** Goes to an address of the page. @param state kept with the entry in the browser's history */
export function go(address: string, how: 'push' | 'replace' = 'push', state: unknown = null): void {
  if (how === 'push') window.history.pushState(state, '', address);
  else window.history.replaceState(state, '', address);
  const before = place.value.path;
  place.value = here();
  if (place.value.path === before) return;
  visits.value += 1;
  window.scrollTo(0, 0);
}

/** Changes parameters of the address and stays at the place; undefined or '' removes one. */
export function setQuery(
  changes: Readonly<Record<string, string | undefined>>,
  how: 'push' | 'replace' = 'push',
  state: unknown = null,
): void {
  const query = new URLSearchParams(place.value.query);
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined || value === '') query.delete(name);
    else query.set(name, value);
  }
  const text = query.toString();
  go(`${window.location.pathname}${text === '' ? '' : `?${text}`}`, how, state);
}

/** The value of a parameter of the address; undefined without one. */
export function parameter(name: string): string | undefined {
  return place.value.query.get(name) ?? undefined;
}

/** Follows the browser's buttons, and takes clicks on links of the page. */
export function startRouter(): void {
  window.addEventListener('popstate', () => {
    const before = place.value.path;
    place.value = here();
    if (place.value.path !== before) visits.value += 1;
  });
  document.addEventListener('click', (event) => {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    if (link === null || link.target !== '' || link.hasAttribute('download')) return;
    if (link.origin !== window.location.origin || !link.pathname.startsWith(`${ROOT}/`) || link.hash !== '') return;
    event.preventDefault();
    go(`${link.pathname}${link.search}`);
  });
}

import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { api } from '../api/client.js';
import type { Attempt, Item } from '../api/types.js';
import { useLive } from '../live.js';
import { announcement, Copy, Failure, LiveBar, Skeleton } from '../parts/basics.js';
import { Shape, StateMark } from '../parts/marks.js';
import { assetPath, Preview } from '../parts/preview.js';
import { href } from '../router.js';
import { mayWrite } from '../session.js';
import { adviceOf, causeOf, stageOf } from '../words/causes.js';
import { bytes, count, duration, exactTime } from '../words/numbers.js';
import { ITEM_MARKS } from '../words/states.js';
import { RetryDialog } from './retry-dialog.js';

const BUSY_MS = 2_000;

/** One item: what happened at each attempt, what to do about it, and the media that it became. */
export function ItemPlace({ id, seq }: { readonly id: string; readonly seq: string }) {
  const number = Number(seq);
  const asks = useSignal(false);
  const live = useLive(
    `${id}/${seq}`,
    async (signal): Promise<Item | undefined> => {
      const include = mayWrite.peek() ? 'attempts,source' : 'attempts';
      // The cursor of a list of items is the number of the last one before it.
      const after = number === 0 ? undefined : number - 1;
      const page = await api.items(id, { include, after, limit: 1 }, signal);
      return page.items.find((item) => item.seq === number);
    },
    (item) => (item?.state === 'open' ? BUSY_MS : null),
  );
  const item = live.data.value;

  useEffect(() => {
    if (item !== null && item !== undefined) document.title = `${ITEM_MARKS[item.state].word} · ${item.externalId}`;
  }, [item]);

  const trail = (
    <p class="trail">
      <a href={href('')}>Imports</a> <span aria-hidden="true">/</span> <a href={href(`imports/${id}`)}>{id}</a>{' '}
      <span aria-hidden="true">/</span> {item?.externalId ?? seq}
    </p>
  );
  if (item === null)
    return live.error.value === null ? <Skeleton rows={6} /> : <Failure error={live.error.value} what="item" />;
  if (item === undefined)
    return (
      <>
        {trail}
        <h1>This import has no item {seq}</h1>
      </>
    );
  return (
    <>
      {trail}
      <div class="place-head">
        <h1>{item.externalId}</h1>
        {item.state === 'open' ? <LiveBar live={live} /> : null}
      </div>
      <p class="under-title">
        <StateMark mark={ITEM_MARKS[item.state]} /> <span>{sentence(item)}</span>
      </p>
      <div class="with-side">
        <div class="main-column">
          {item.code === undefined || item.state === 'success' ? null : (
            <section class="card todo-card">
              <h2>What to do</h2>
              <p>{adviceOf(item.code)}.</p>
              {item.reason === undefined ? null : <p class="dim">The service says: {item.reason}</p>}
              {item.state === 'failed' && mayWrite.value ? (
                <button type="button" class="primary" onClick={() => (asks.value = true)}>
                  Correct and try again…
                </button>
              ) : null}
            </section>
          )}
          <Timeline item={item} />
          <Became item={item} />
        </div>
        <Facts item={item} />
      </div>
      {asks.value ? (
        <RetryDialog
          id={id}
          scope={{ selector: { items: [{ seq: number }] }, count: 1, what: causeOf(item.code ?? '') }}
          onClose={() => (asks.value = false)}
          onDone={() => {
            announcement.value = 'It will be tried again';
            live.refresh();
          }}
        />
      ) : null}
    </>
  );
}

function sentence({ state, code, attempts, action, nextAttemptAt }: Item): string {
  if (state === 'failed')
    return `${causeOf(code ?? '')}, after ${attempts === 1 ? 'one attempt' : `${attempts} attempts`}`;
  if (state === 'skipped') return causeOf(code ?? 'already_exists');
  if (state === 'success') return action === 'updated' ? 'Stored, and its record was updated' : 'Stored in the library';
  if (attempts === 0) return 'Not tried yet';
  const again = nextAttemptAt === undefined ? '' : `, tried again at ${exactTime(Date.parse(nextAttemptAt))}`;
  return `${code === undefined ? 'Under way' : causeOf(code)}${again}`;
}

function Timeline({ item }: { readonly item: Item }) {
  const attempts = item.history ?? (item.lastAttempt === undefined ? [] : [item.lastAttempt]);
  if (attempts.length === 0) return null;
  const offset = Math.max(0, item.attempts - attempts.length);
  return (
    <section aria-labelledby="attempts">
      <h2 id="attempts">{attempts.length === 1 ? 'Attempt' : 'Attempts'}</h2>
      <ol class="timeline">
        {attempts.map((attempt, at) => (
          <AttemptRow
            key={at}
            attempt={attempt}
            number={offset + at + 1}
            isLast={at === attempts.length - 1}
            item={item}
          />
        ))}
      </ol>
    </section>
  );
}

interface AttemptProps {
  readonly attempt: Attempt;
  readonly number: number;
  readonly isLast: boolean;
  readonly item: Item;
}

function AttemptRow({ attempt, number, isLast, item }: AttemptProps) {
  const { at, stage, httpStatus, contentType, durationMs } = attempt;
  const isGood = isLast && (item.state === 'success' || item.state === 'skipped');
  const code = attempt.code ?? (isLast ? item.code : undefined);
  const says = isGood ? 'The file arrived' : code === undefined ? `Ended while ${stageOf(stage ?? '')}` : causeOf(code);
  const raw = [
    httpStatus === undefined ? '' : `HTTP ${httpStatus}`,
    contentType ?? '',
    attempt.bytes === undefined ? '' : bytes(attempt.bytes),
    durationMs === undefined ? '' : duration(durationMs),
  ].filter((part) => part !== '');
  return (
    <li class={isGood ? 'is-good' : ''}>
      <Shape tone={isGood ? 'done' : isLast && item.state === 'failed' ? 'failed' : 'troubled'} />
      <div>
        <p class="strong">{says}</p>
        <p class="dim small">
          Attempt {count(number)}
          {at === undefined ? '' : `, ${exactTime(Date.parse(at))}`}
          {stage === undefined || isGood ? '' : `, while ${stageOf(stage)}`}
        </p>
        {attempt.reason === undefined ? null : <p class="small">{attempt.reason}</p>}
        {raw.length === 0 ? null : <p class="mono small dim">{raw.join(' · ')}</p>}
      </div>
    </li>
  );
}

/** The media that came out of it. */
function Became({ item }: { readonly item: Item }) {
  const { mediaId, assetUrl, mimeType, sha256, bytes: size = 0 } = item;
  if (mediaId === undefined) return null;
  return (
    <section aria-labelledby="became">
      <div class="section-head">
        <h2 id="became">In the library</h2>
        <a href={href(`media/${mediaId}`)}>Open the media</a>
      </div>
      {assetUrl === undefined || mimeType === undefined ? null : (
        <div class="stage">
          <Preview
            asset={{ url: assetPath(assetUrl), mimeType, bytes: size, sha256: sha256 ?? '' }}
            title={item.fileName ?? item.externalId}
          />
        </div>
      )}
    </section>
  );
}

function Facts({ item }: { readonly item: Item }) {
  const { url, fileName, host, mimeType, sha256, bytes: size, metadata = {} } = item;
  const fields = Object.entries(metadata);
  return (
    <aside class="side" aria-label="About this item">
      <section class="card">
        <h2>About</h2>
        <dl class="facts">
          <dt>Id</dt>
          <dd>
            <Copy text={item.externalId} what="id" />
          </dd>
          {fileName === undefined ? null : (
            <>
              <dt>File name</dt>
              <dd>{fileName}</dd>
            </>
          )}
          {url === undefined ? null : (
            <>
              <dt>Address</dt>
              <dd>
                <Copy text={url} what="address" />
              </dd>
            </>
          )}
          {host === undefined ? null : (
            <>
              <dt>Host</dt>
              <dd>{host}</dd>
            </>
          )}
          {mimeType === undefined ? null : (
            <>
              <dt>Type</dt>
              <dd>{mimeType}</dd>
            </>
          )}
          {size === undefined ? null : (
            <>
              <dt>Size</dt>
              <dd class="number">{bytes(size)}</dd>
            </>
          )}
          {sha256 === undefined ? null : (
            <>
              <dt>SHA-256</dt>
              <dd>
                <Copy text={sha256} what="hash">{`${sha256.slice(0, 12)}…`}</Copy>
              </dd>
            </>
          )}
        </dl>
      </section>
      {fields.length === 0 ? null : <MetadataCard fields={fields} />}
    </aside>
  );
}

export function MetadataCard({ fields }: { readonly fields: readonly (readonly [string, unknown])[] }) {
  return (
    <section class="card">
      <h2>Metadata</h2>
      <dl class="facts">
        {fields.map(([name, value]) => [
          <dt key={`${name}-name`}>{name}</dt>,
          <dd key={name}>{typeof value === 'string' ? value : JSON.stringify(value)}</dd>,
        ])}
      </dl>
    </section>
  );
}

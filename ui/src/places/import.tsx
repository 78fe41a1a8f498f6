import { useEffect, useRef } from 'preact/hooks';
import { api } from '../api/client.js';
import type { Import } from '../api/types.js';
import { useLive } from '../live.js';
import { announcement, Copy, Failure, LiveBar, Skeleton, Time } from '../parts/basics.js';
import { Bar, notedRates, Sparkline } from '../parts/figures.js';
import { Shape } from '../parts/marks.js';
import { href } from '../router.js';
import { bytes, count, rate } from '../words/numbers.js';
import { importMark, settled, sizeOf, stateSentence, tabTitle } from '../words/states.js';
import { ImportActions } from './import-actions.js';
import { ImportFailures } from './import-failures.js';
import { ImportItems } from './import-items.js';
import { ImportSide } from './import-side.js';

const BUSY_MS = 1_500;
/** What has ended changes only when somebody tries items again. */
const ENDED_MS = 10_000;

/** One import: how it is, what failed and why, its items, and everything that was done to it. */
export function ImportPlace({ id }: { readonly id: string }) {
  const live = useLive(
    id,
    (signal) => api.import(id, signal),
    ({ finished }) => (finished ? ENDED_MS : BUSY_MS),
  );
  const it = live.data.value;
  const told = useRef('');

  useEffect(() => {
    document.title = it === null ? 'Import' : tabTitle(it);
    if (it === null) return;
    notedRates(id, it.counts, live.at.value);
    // Spoken when the state changes, not with every number.
    const state = `${it.state}${it.waitingFor.length > 0 ? ' waiting' : ''}`;
    if (told.current !== '' && told.current !== state) announcement.value = stateSentence(it);
    told.current = state;
  }, [it]);

  if (it === null)
    return live.error.value === null ? <Skeleton rows={6} /> : <Failure error={live.error.value} what="import" />;
  return (
    <>
      <p class="trail">
        <a href={href('')}>Imports</a> <span aria-hidden="true">/</span> {it.systemName}
      </p>
      <div class="place-head">
        <h1 class="sentence">
          <Shape tone={importMark(it).tone} />
          {stateSentence(it)}
        </h1>
        <LiveBar live={live} />
      </div>
      <div class="under-head">
        <p class="dim">
          {sizeOf(it)} for {it.systemName}, started <Time at={it.startedAt ?? it.createdAt} /> ·{' '}
          <Copy text={it.id} what="id of the import" />
        </p>
        <ImportActions it={it} onDone={live.refresh} />
      </div>
      <Progress it={it} at={live.at.value} />
      <Waiting it={it} />
      <div class="with-side">
        <div class="main-column">
          <ImportFailures it={it} onDone={live.refresh} />
          <ImportItems it={it} at={live.at.value} />
        </div>
        <ImportSide it={it} />
      </div>
    </>
  );
}

function Progress({ it, at }: { readonly it: Import; readonly at: number }) {
  const { counts } = it;
  const rates = it.finished ? [] : notedRates(it.id, counts, at);
  return (
    <section class="card progress" aria-label="Progress">
      <Bar counts={counts} />
      <dl class="figures">
        <Figure name="Done" tone="done" value={count(counts.success)} />
        <Figure name="Skipped" tone="skipped" value={count(counts.skipped)} />
        <Figure name="Failed" tone="failed" value={count(counts.failed)} />
        <Figure name="Open" tone="open" value={count(counts.open)} />
        <Figure name="Received" value={bytes(it.bytes)} />
        <div>
          <dt>{it.finished ? 'Rate overall' : 'Rate'}</dt>
          <dd class="number">
            {rate(it.rate.itemsPerSecond)}
            <span class="unit"> items/s</span>
            {it.state === 'started' && settled(counts) > 0 ? (
              <Sparkline values={rates} label="Rate of the last minutes" width={88} height={22} />
            ) : null}
          </dd>
        </div>
      </dl>
    </section>
  );
}

type FigureTone = 'done' | 'skipped' | 'failed' | 'open';

function Figure({ name, value, tone }: { readonly name: string; readonly value: string; readonly tone?: FigureTone }) {
  return (
    <div>
      <dt>
        {tone === undefined ? null : <i class={`dot part-${tone}`} aria-hidden="true" />}
        {name}
      </dt>
      <dd class="number">{value}</dd>
    </div>
  );
}

/** Hosts that are waited for, and that nobody needs to do anything about it. */
function Waiting({ it }: { readonly it: Import }) {
  if (it.waitingFor.length === 0) return null;
  return (
    <div class="notice">
      <strong>{it.waitingFor.length === 1 ? 'A host rests' : `${count(it.waitingFor.length)} hosts rest`}</strong>
      <span>
        {it.waitingFor.slice(0, 3).map(({ host, until, items }, at) => (
          <span key={host}>
            {at > 0 ? ', ' : ''}
            {host} until <time dateTime={until}>{new Date(until).toLocaleTimeString('en-GB')}</time> ({count(items)}{' '}
            open)
          </span>
        ))}
        . They go on by themselves. <a href={href('hosts')}>All hosts</a>
      </span>
    </div>
  );
}

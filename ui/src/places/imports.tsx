import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { api } from '../api/client.js';
import type { ImportSummary } from '../api/types.js';
import { useLive } from '../live.js';
import { announcement, Chips, Empty, Failure, LiveBar, Search, Skeleton, Time } from '../parts/basics.js';
import { Bar, notedRates, Sparkline } from '../parts/figures.js';
import { StateMark } from '../parts/marks.js';
import { Pager } from '../parts/pager.js';
import { href, parameter, setQuery } from '../router.js';
import { mayWrite } from '../session.js';
import { count, counted, percent, rate } from '../words/numbers.js';
import { importMark, settled, sizeOf } from '../words/states.js';

const PAGE = 50;
/** What runs moves; what has ended can only be joined by others. */
const BUSY_MS = 3_000;
const IDLE_MS = 8_000;

const FILTERS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  '': {},
  troubled: { troubled: 'true' },
  running: { state: 'started' },
  paused: { state: 'paused' },
  stopped: { state: 'failed' },
};

interface Shown {
  readonly rows: readonly ImportSummary[];
  readonly next: string | null;
  readonly hasTrouble: boolean;
}

/** All imports of the project, newest first; those that run stand on top of the first page. */
export function ImportsPlace() {
  const show = parameter('show') ?? '';
  const kind = parameter('kind') ?? '';
  const system = parameter('system') ?? '';
  const after = parameter('after');
  /** Rows that came while the list was read; they wait until they are asked for. */
  const known = useSignal<ReadonlySet<string> | null>(null);

  const filter = { ...FILTERS[show], kind, systemName: system };
  const isFirst = after === undefined;
  const key = JSON.stringify([filter, after]);

  const load = async (signal: AbortSignal): Promise<Shown> => {
    const waiting = known.peek()?.size ?? 0;
    // Those that came meanwhile push others out of the first page, which are still shown.
    const limit = Math.min(1000, Math.max(PAGE, waiting + PAGE));
    const pinned = isFirst && show === '' ? ['started', 'paused'] : [];
    const [page, trouble, ...open] = await Promise.all([
      api.imports({ ...filter, after, limit: isFirst && known.peek() !== null ? limit : PAGE }, signal),
      api.imports({ troubled: 'true', limit: 1 }, signal),
      ...pinned.map((state) => api.imports({ ...filter, state, limit: PAGE }, signal)),
    ]);
    const top = open.flatMap(({ items }) => items).sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
    const pinnedIds = new Set(top.map(({ id }) => id));
    const rest = page.items.filter(({ id, finished }) => finished && !pinnedIds.has(id));
    const rows = pinned.length > 0 ? [...top, ...rest] : page.items;
    return { rows, next: page.next, hasTrouble: trouble.items.length > 0 };
  };
  const live = useLive(key, load, ({ rows }) => (rows.some(({ finished }) => !finished) ? BUSY_MS : IDLE_MS));
  const shown = live.data.value;

  useEffect(() => {
    known.value = null;
  }, [key]);
  useEffect(() => {
    if (shown !== null && known.peek() === null) known.value = new Set(shown.rows.map(({ id }) => id));
    for (const { id, counts } of shown?.rows ?? []) notedRates(id, counts, live.at.value);
  }, [shown]);

  const running = shown?.rows.filter(({ state }) => state === 'started').length ?? 0;
  useEffect(() => {
    document.title = running > 0 ? `${count(running)} running · Imports` : 'Imports';
  }, [running]);

  const seen = known.value;
  const visible = shown?.rows.filter(({ id }) => seen === null || seen.has(id)) ?? [];
  const fresh = (shown?.rows.length ?? 0) - visible.length;
  const takeFresh = () => {
    known.value = new Set(shown?.rows.map(({ id }) => id));
    announcement.value = counted(fresh, 'new import');
  };
  const isFiltered = show !== '' || kind !== '' || system !== '';

  return (
    <>
      <div class="place-head">
        <h1>Imports</h1>
        <LiveBar live={live} />
      </div>
      <div class="filters">
        <Chips
          label="Which imports"
          chosen={show}
          chips={[
            ...(shown?.hasTrouble === true || show === 'troubled' ? [{ value: 'troubled', label: '▲ Troubled' }] : []),
            { value: '', label: 'All' },
            { value: 'running', label: 'Running' },
            { value: 'paused', label: 'Paused' },
            { value: 'stopped', label: 'Stopped' },
          ]}
          onChoose={(value) => {
            setQuery({ show: value, after: undefined, from: undefined });
          }}
        />
        <select
          aria-label="Kind"
          value={kind}
          onChange={(event) => {
            setQuery({ kind: event.currentTarget.value, after: undefined, from: undefined });
          }}
        >
          <option value="">Every kind</option>
          <option value="video">Videos</option>
          <option value="image">Images</option>
          <option value="file">Files</option>
        </select>
        <Search
          label="System"
          placeholder="System, exactly"
          value={system}
          onSearch={(value) => {
            setQuery({ system: value, after: undefined, from: undefined });
          }}
        />
      </div>
      {live.error.value !== null && shown === null ? <Failure error={live.error.value} what="list of imports" /> : null}
      {shown === null && live.error.value === null ? <Skeleton rows={8} /> : null}
      {fresh > 0 ? (
        <button type="button" class="fresh" onClick={takeFresh}>
          {counted(fresh, 'new import')}, show
        </button>
      ) : null}
      {shown !== null && visible.length === 0 && fresh === 0 ? <NoImports isFiltered={isFiltered} /> : null}
      {visible.length === 0 ? null : (
        <ul class="imports rows" aria-label="Imports">
          {visible.map((row) => (
            <ImportRow key={row.id} row={row} at={live.at.value} />
          ))}
        </ul>
      )}
      {shown === null ? null : <Pager shown={visible.length} next={shown.next} size={PAGE} />}
    </>
  );
}

function NoImports({ isFiltered }: { readonly isFiltered: boolean }) {
  if (isFiltered)
    return (
      <Empty title="No import matches these filters">
        <a href={href('')}>Show all imports</a>
      </Empty>
    );
  return (
    <Empty title="No imports yet">
      {mayWrite.value ? (
        <>
          <p>Bring in videos, images and files by their addresses. They are checked before anything starts.</p>
          <a class="button primary" href={href('new')}>
            Paste some URLs
          </a>
        </>
      ) : (
        <p>This token may read. Somebody with write access starts the first one.</p>
      )}
    </Empty>
  );
}

function ImportRow({ row, at }: { readonly row: ImportSummary; readonly at: number }) {
  const { counts } = row;
  const rates = row.finished ? [] : notedRates(row.id, counts, at);
  const perSecond = row.rate?.itemsPerSecond ?? rates.at(-1) ?? 0;
  return (
    <li class="row import-row">
      <StateMark mark={importMark(row)} />
      <span class="import-name">
        <a class="stretched" href={href(`imports/${row.id}`)}>
          {row.systemName}
        </a>
        <span class="dim"> {sizeOf(row)}</span>
      </span>
      <span class="import-far">
        <Bar counts={counts} />
        <span class="number">{percent(settled(counts), counts.total)} %</span>
      </span>
      <span class="import-rate">
        {row.state !== 'started' ? null : (
          <>
            <Sparkline values={rates} label={`Rate: ${rate(perSecond)} items a second`} />
            <span class="number dim">{rate(perSecond)}/s</span>
          </>
        )}
      </span>
      <span class="import-failed">
        {counts.failed === 0 ? null : (
          <a class="above" href={href(`imports/${row.id}`, { state: 'failed' })}>
            {count(counts.failed)} failed
          </a>
        )}
      </span>
      <span class="import-time dim">
        <Time at={row.createdAt} />
      </span>
    </li>
  );
}

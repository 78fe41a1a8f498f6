import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import * as draft from '../lines/draft.js';
import { repairedUrl, type Row } from '../lines/propose.js';
import { problemsOf, withEdit, withoutRow, type EditedField } from '../lines/table.js';
import { announcement, Chips } from '../parts/basics.js';
import { Icon } from '../parts/marks.js';
import { count } from '../words/numbers.js';

/** Heights of a row, of its own and for each line of problems: the styles have the same numbers. */
const WIDE = { row: 48, problem: 24 };
/** As a card of three fields, on a telephone. */
const NARROW = { row: 176, problem: 24 };
/** Drawn beyond the visible part, so that a quick scroll shows no gap. */
const SPARE = 6;
/** Somebody who types is done with a cell when so long nothing came. */
const SETTLE_MS = 250;
/** Until it was measured. */
const FIRST_HEIGHT = 600;

/** The lines as a table of any length: only what can be seen is drawn. */
export function LineTable() {
  const onlyBad = useSignal(false);
  const top = useSignal(0);
  const height = useSignal(FIRST_HEIGHT);
  const isNarrow = useSignal(false);
  const viewport = useRef<HTMLDivElement>(null);

  const waiting = draft.unchecked.value;
  useEffect(() => {
    if (waiting.length === 0) return undefined;
    const timer = setTimeout(() => void draft.check(), SETTLE_MS);
    return () => {
      clearTimeout(timer);
    };
  }, [waiting]);

  useEffect(() => {
    const narrow = window.matchMedia('(max-width: 720px)');
    const measure = () => {
      isNarrow.value = narrow.matches;
      height.value = viewport.current?.clientHeight ?? FIRST_HEIGHT;
    };
    measure();
    const observer = new ResizeObserver(measure);
    if (viewport.current !== null) observer.observe(viewport.current);
    return () => {
      observer.disconnect();
    };
  }, []);

  const all = draft.rows.value;
  const bad = draft.bad.value;
  // A row that was just corrected must not vanish under the pointer: the choice is left when nothing is bad any more.
  const rows = onlyBad.value && bad.length > 0 ? bad : all;
  const repeated = draft.repeated.value;
  const size = isNarrow.value ? NARROW : WIDE;
  const offsets = offsetsOf(rows, (row) => {
    const problems = Object.keys(problemsOf(row, repeated)).length;
    if (problems === 0) return size.row;
    return size.row + (isNarrow.value ? problems : 1) * size.problem;
  });
  const total = offsets.at(-1) ?? 0;
  const first = Math.max(0, indexAt(offsets, top.value) - SPARE);
  const last = Math.min(rows.length, indexAt(offsets, top.value + height.value) + SPARE + 1);

  return (
    <section aria-label="Lines">
      <div class="filters">
        <Chips
          label="Which lines"
          chosen={onlyBad.value ? 'bad' : 'all'}
          chips={[
            { value: 'all', label: 'All', count: count(all.length) },
            { value: 'bad', label: 'With a problem', count: count(bad.length) },
          ]}
          onChoose={(value) => {
            onlyBad.value = value === 'bad';
            viewport.current?.scrollTo(0, 0);
          }}
        />
      </div>
      <div class="lines" role="table" aria-label="Lines" aria-rowcount={rows.length + 1}>
        <div class="lines-head" role="row" aria-rowindex={1}>
          <span role="columnheader">Line</span>
          <span role="columnheader">URL</span>
          <span role="columnheader">Id</span>
          <span role="columnheader">File name</span>
          <span role="columnheader">Metadata</span>
          <span role="columnheader" class="unseen">
            Leave out
          </span>
        </div>
        <div
          ref={viewport}
          class="lines-view"
          role="rowgroup"
          tabIndex={0}
          aria-label="Lines, scrollable"
          onScroll={(event) => (top.value = event.currentTarget.scrollTop)}
        >
          <div style={{ height: `${offsets[first] ?? 0}px` }} />
          {rows.slice(first, last).map((row, at) => (
            <LineRow key={row.key} row={row} problems={problemsOf(row, repeated)} index={first + at + 2} />
          ))}
          <div style={{ height: `${Math.max(0, total - (offsets[last] ?? total))}px` }} />
        </div>
      </div>
    </section>
  );
}

/** Where each row begins, and where the last one ends. */
function offsetsOf(rows: readonly Row[], heightOf: (row: Row) => number): number[] {
  const offsets = [0];
  let at = 0;
  for (const row of rows) {
    at += heightOf(row);
    offsets.push(at);
  }
  return offsets;
}

/** The row at a distance from the top. */
function indexAt(offsets: readonly number[], distance: number): number {
  let [low, high] = [0, Math.max(0, offsets.length - 2)];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((offsets[middle] ?? 0) <= distance) low = middle;
    else high = middle - 1;
  }
  return low;
}

interface LineRowProps {
  readonly row: Row;
  readonly problems: Readonly<Record<string, string>>;
  readonly index: number;
}

const KIND_LABELS = { video: 'Video', image: 'Image', file: 'File' } as const;

function LineRow({ row, problems, index }: LineRowProps) {
  const isBad = Object.keys(problems).length > 0;
  const edit = (field: EditedField, value: string) => {
    draft.rows.value = withEdit(draft.rows.value, row.key, field, value);
  };
  const repaired = problems['url'] === undefined ? null : repairedUrl(row.url);
  const fields = Object.entries(row.metadata).map(
    ([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  const other = problems['line'] ?? problems['mediaType'] ?? problems['metadata'];
  const kind = draft.choice.value === 'by-type' ? row.kind : draft.choice.value;
  return (
    <div class={`line ${isBad ? 'is-bad' : ''}`} role="row" aria-rowindex={index}>
      <span role="cell" class="line-number number dim">
        {row.line}
      </span>
      <Cell row={row} field="url" label="URL" problem={problems['url'] ?? other} onEdit={edit}>
        {repaired === null ? null : (
          <button
            type="button"
            class="link"
            onClick={() => {
              edit('url', repaired);
            }}
          >
            Use {repaired}
          </button>
        )}
      </Cell>
      <Cell row={row} field="id" label="Id" problem={problems['id']} onEdit={edit} />
      <Cell row={row} field="fileName" label="File name" problem={problems['fileName']} onEdit={edit} />
      <span role="cell" class="line-metadata dim" title={fields.join('\n')}>
        {KIND_LABELS[kind]}
        {fields.length === 0 ? '' : ` · ${fields.join(', ')}`}
      </span>
      <span role="cell" class="line-out">
        <button
          type="button"
          class="quiet"
          aria-label={`Leave out line ${row.line}`}
          title="Leave out this line"
          onClick={() => {
            draft.rows.value = withoutRow(draft.rows.value, row.key);
            announcement.value = `Line ${row.line} is left out`;
          }}
        >
          <Icon name="close" />
        </button>
      </span>
    </div>
  );
}

interface CellProps {
  readonly row: Row;
  readonly field: EditedField;
  readonly label: string;
  readonly problem: string | undefined;
  readonly onEdit: (field: EditedField, value: string) => void;
  readonly children?: preact.ComponentChildren;
}

function Cell({ row, field, label, problem, onEdit, children }: CellProps) {
  const id = `${field}-${row.key}`;
  return (
    <span role="cell" class={`cell cell-${field}`}>
      <input
        type="text"
        class={field === 'url' ? 'mono' : ''}
        spellcheck={false}
        aria-label={`${label} of line ${row.line}`}
        aria-invalid={problem !== undefined}
        aria-describedby={problem === undefined ? undefined : id}
        value={row[field]}
        title={row[field]}
        onChange={(event) => {
          onEdit(field, event.currentTarget.value);
        }}
      />
      {problem === undefined ? null : (
        <span id={id} class="problem" title={problem}>
          {/* What stands behind a semicolon is for operators; it is in the title. */}
          <span>{problem.split('; ')[0]}</span>
          {children}
        </span>
      )}
    </span>
  );
}

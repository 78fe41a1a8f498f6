import { parameter, setQuery } from '../router.js';
import { count } from '../words/numbers.js';

interface PagerProps {
  /** Entries on this page. */
  readonly shown: number;
  readonly next: string | null;
  /** Entries on a full page. */
  readonly size: number;
  /** Of all pages, where it is known. */
  readonly total?: number | undefined;
  readonly what?: string;
}

/** The cursors of the pages before, kept with the entry in the browser's history. A link that was shared has none. */
function trailHere(): readonly string[] {
  const state = window.history.state as { readonly trail?: readonly string[] } | null;
  return state?.trail ?? [];
}

/** Where this page stands, and the way to the others. The page is in the address: `after` is its cursor, `from` what came before. */
export function Pager({ shown, next, size, total, what = 'Pages' }: PagerProps) {
  const from = Number(parameter('from') ?? 0);
  const trail = trailHere();
  if (from === 0 && next === null && shown < size) return null;
  const range = shown === 0 ? 'None' : `${count(from + 1)}–${count(from + shown)}`;
  return (
    <nav class="pager" aria-label={what}>
      <span class="number">
        {range}
        {total === undefined ? '' : ` of ${count(total)}`}
      </span>
      <button
        type="button"
        disabled={from === 0}
        onClick={() => {
          setQuery({ after: undefined, from: undefined });
        }}
      >
        First
      </button>
      <button
        type="button"
        disabled={trail.length === 0}
        onClick={() => {
          const before = Math.max(0, from - size);
          setQuery({ after: trail.at(-1), from: before === 0 ? '' : String(before) }, 'push', {
            trail: trail.slice(0, -1),
          });
        }}
      >
        Previous
      </button>
      <button
        type="button"
        disabled={next === null}
        onClick={() => {
          const trailing = { trail: [...trail, parameter('after') ?? ''] };
          setQuery({ after: next ?? undefined, from: String(from + shown) }, 'push', trailing);
        }}
      >
        Next
      </button>
    </nav>
  );
}

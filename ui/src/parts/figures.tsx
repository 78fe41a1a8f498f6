import type { Counts } from '../api/types.js';
import { count } from '../words/numbers.js';

const PARTS = [
  ['success', 'done'],
  ['skipped', 'skipped'],
  ['failed', 'failed'],
] as const;

/** What is done, skipped, failed and open of an import, as a bar of four parts. */
export function Bar({ counts }: { readonly counts: Counts }) {
  const label = `${count(counts.success)} done, ${count(counts.skipped)} skipped, ${count(counts.failed)} failed, ${count(counts.open)} open`;
  return (
    <div class="bar" role="img" aria-label={label} title={label}>
      {PARTS.map(([part, tone]) =>
        counts[part] === 0 ? null : <i key={part} class={`part-${tone}`} style={{ flexGrow: counts[part] }} />,
      )}
      {counts.open === 0 ? null : <i class="part-open" style={{ flexGrow: counts.open }} />}
    </div>
  );
}

/** How many items were settled when, by import, for as long as the tab is open. */
const histories = new Map<string, { at: number; settled: number }[]>();
/** Five minutes of questions every three seconds. */
const KEPT = 100;

/** Notes how far an import is, and answers its rates so far, items a second. */
export function notedRates(id: string, { total, open }: Counts, at: number): readonly number[] {
  const history = histories.get(id) ?? [];
  histories.set(id, history);
  if (at > (history.at(-1)?.at ?? 0)) history.push({ at, settled: total - open });
  if (history.length > KEPT) history.shift();
  return history.slice(1).map((point, index) => {
    const before = history[index] ?? point;
    return Math.max(0, ((point.settled - before.settled) / Math.max(1, point.at - before.at)) * 1000);
  });
}

interface SparklineProps {
  readonly values: readonly number[];
  readonly label: string;
  readonly width?: number;
  readonly height?: number;
}

/** A rate over time as a small line. Nothing is drawn of a single value. */
export function Sparkline({ values, label, width = 72, height = 20 }: SparklineProps) {
  if (values.length < 2) return <svg class="spark" width={width} height={height} aria-hidden="true" />;
  const most = Math.max(...values, 0.001);
  const step = width / (values.length - 1);
  const points = values.map((value, at) => {
    const y = height - 1 - (value / most) * (height - 3);
    return `${(at * step).toFixed(1)},${y.toFixed(1)}`;
  });
  return (
    <svg class="spark" viewBox={`0 0 ${width} ${height}`} width={width} height={height} role="img" aria-label={label}>
      <polygon points={`0,${height} ${points.join(' ')} ${width},${height}`} />
      <polyline points={points.join(' ')} />
    </svg>
  );
}

import { median } from '../measure/quantile.js';
import type { RunRecord } from '../measure/run-record.js';
import { markdownTable } from './markdown-table.js';
import { mib, round } from './units.js';

const BYTES = 16 * 1024;

/** Processor time and memory of every process, at the largest number of items that the most contenders took part in. */
export function processTable(runs: readonly RunRecord[]): string {
  const warm = runs.filter((run) => run.round > 0 && run.bytes === BYTES);
  const taking = (items: number): number =>
    new Set(warm.filter((run) => run.items === items).map((run) => run.contender)).size;
  const counts = [...new Set(warm.map(({ items }) => items))];
  const [items] = counts.toSorted((a, b) => taking(b) - taking(a) || b - a);
  const cell = warm.filter((run) => run.items === items);
  const rows = [...new Set(cell.map(({ contender }) => contender))].flatMap((contender) => {
    const own = cell.filter((run) => run.contender === contender);
    return Object.keys(own[0]?.processes ?? {}).map((name) => processRow(contender, name, own));
  });
  return markdownTable(['Contender', 'Process', 'CPU s per 1,000 items', 'Peak MiB in the run', 'Peak MiB ever'], rows);
}

function processRow(contender: string, name: string, runs: readonly RunRecord[]): string[] {
  const figures = runs.flatMap(({ processes, items }) => {
    const one = processes[name];
    return one === undefined ? [] : [{ ...one, perThousand: (one.cpuSeconds * 1_000) / items }];
  });
  return [
    contender,
    name,
    round(median(figures.map(({ perThousand }) => perThousand)), 3),
    mib(Math.max(...figures.map(({ peakBytes }) => peakBytes))),
    mib(Math.max(...figures.map(({ lifetimePeakBytes }) => lifetimePeakBytes))),
  ];
}

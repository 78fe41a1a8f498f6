import { count, markdownTable, median, mib, round, size } from '../figures.js';
import { SERVICE } from './contender.js';
import type { BenchResult, RunRecord } from './runs.js';
import { REFERENCE, summarize, targets } from './summary.js';

/** The whole report of a run in Markdown, as it is printed and as the README keeps it. */
export function renderReport(result: BenchResult): string {
  const { runs, skipped, contenders, mongo } = result;
  const parts = [
    heading(result),
    headline(runs),
    throughput(runs),
    `Targets (what this run did not measure has a –):\n\n${targetTable(runs)}`,
    `Processes, at the largest number of 16 KiB items that all took part in:\n\n${processTable(runs)}`,
    `Cold, the first 1,000 items of a process:\n\n${coldTable(runs)}`,
    mongo === null ? '' : mongoLine(mongo),
    Object.entries(contenders)
      .map(([name, description]) => `- **${name}**: ${description}.`)
      .join('\n'),
    skipped.map(({ what, reason }) => `- Skipped: ${what}, because ${reason}.`).join('\n'),
  ];
  return parts.filter((part) => part !== '').join('\n\n');
}

function heading({ at, mode, machine, database }: BenchResult): string {
  const { processor, processors, memoryBytes, system, node, version } = machine;
  const where = `${processors} × ${processor}, ${size(memoryBytes)}, ${system}, Node ${node}`;
  const what = { mongod: 'MongoDB', emulator: 'the MongoDB emulator', given: 'the MongoDB of MONGODB_URL' }[database];
  return `${at.slice(0, 10)}, durable-import ${version}, ${mode} run on ${where}; database: ${what ?? database}.`;
}

/** The one figure to quote: the service in the reference cell. */
function headline(runs: readonly RunRecord[]): string {
  const { items, bytes } = REFERENCE;
  const one = summarize(runs).find((it) => it.contender === SERVICE && it.items === items && it.bytes === bytes);
  if (one === undefined) return '';
  const cell = `${count(items)} × ${size(bytes)}, median of ${one.rounds} rounds`;
  return `**${count(one.itemsPerSecond)} items/s** (${cell}), ${round(one.shareOfBareLoop, 2)} of the bare loop.`;
}

function throughput(runs: readonly RunRecord[]): string {
  const head = [
    'Items',
    'Size',
    'Contender',
    'Items/s',
    '× bare loop',
    'CPU ms an item',
    'Events an item',
    'History B an item',
    'Rounds',
  ];
  const rows = summarize(runs).map((one) => [
    count(one.items),
    size(one.bytes),
    one.contender,
    count(one.itemsPerSecond),
    round(one.shareOfBareLoop, 2),
    round(one.cpuMs, 2),
    one.historyEvents === null ? '–' : round(one.historyEvents, 3),
    one.historyBytes === null ? '–' : count(one.historyBytes),
    String(one.rounds),
  ]);
  return markdownTable(head, rows);
}

function targetTable(runs: readonly RunRecord[]): string {
  const rows = targets(runs).map(({ what, target, measured, isMet }) => {
    return [what, target, measured, isMet === null ? '–' : isMet ? 'yes' : 'no'];
  });
  return markdownTable([SERVICE, 'Target', 'Measured', 'Met'], rows);
}

function coldTable(runs: readonly RunRecord[]): string {
  const rows = runs
    .filter((run) => run.round === 0)
    .map(({ contender, items, seconds }) => [contender, count(items / seconds)]);
  return markdownTable(['Contender', 'Items/s'], rows);
}

function mongoLine({ items, commands, writes }: NonNullable<BenchResult['mongo']>): string {
  const total = Object.values(commands).reduce((sum, one) => sum + one, 0);
  const names = Object.entries(commands)
    .filter(([, number]) => number > 0)
    .toSorted(([, a], [, b]) => b - a)
    .map(([name, number]) => `${name} ${count(number)}`);
  const perItem = `${round(total / items, 3)} commands and ${round(writes / items, 2)} written documents an item`;
  return `MongoDB, counted at the wire in a pass of its own with ${count(items)} items: ${perItem} (${names.join(', ')}).`;
}

/** Processor time and memory of every process, at the largest number of items in which most contenders took part. */
function processTable(runs: readonly RunRecord[]): string {
  const warm = runs.filter((run) => run.round > 0 && run.bytes === REFERENCE.bytes);
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

import type { BenchResult, RunRecord } from '../measure/run-record.js';
import { SERVICE } from '../contenders/names.js';
import { markdownTable } from './markdown-table.js';
import { processTable } from './process-table.js';
import { summarize } from './summarize.js';
import { targets } from './targets.js';
import { count, round, size } from './units.js';

/** Everything that is printed about a run, in Markdown: the README keeps the very same text. */
export function renderReport(result: BenchResult): string {
  const { runs, skipped, contenders, mongo } = result;
  const parts = [
    heading(result),
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
  const what = { mongod: 'MongoDB', 'stand-in': 'the stand-in for MongoDB', given: 'the MongoDB of MONGODB_URL' }[
    database
  ];
  return `${at.slice(0, 10)}, durable-import ${version}, ${mode} run on ${where}; database: ${what ?? database}.`;
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

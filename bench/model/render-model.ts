import { markdownTable } from '../report/markdown-table.js';
import { count, round } from '../report/units.js';
import type { ItemCosts } from './item-costs.js';
import { demandOf, type Load } from './load-model.js';

const MILLION = 1_000_000;
const KIB = 1024;
const MIB = 1024 * KIB;
const GB = 1e9;

const LOADS: readonly Load[] = [
  { name: '10,000 a POST, 16 KiB', items: MILLION, batch: 10_000, bytesPerItem: 16 * KIB },
  { name: 'one NDJSON POST, 16 KiB', items: MILLION, batch: MILLION, bytesPerItem: 16 * KIB },
  { name: '1,000 a POST, 1 MiB', items: MILLION, batch: 1_000, bytesPerItem: MIB },
  { name: '1,000 a POST, 8 MiB', items: MILLION, batch: 1_000, bytesPerItem: 8 * MIB },
];

/** The table of docs/scaling.md: what a million items take. */
export function renderModel(costs: ItemCosts): string {
  const rows = LOADS.map((load) => {
    const demand = demandOf(load, costs);
    const { gateway, worker, temporal, mongodb } = demand.cpuHours;
    return [
      load.name,
      ...[gateway, worker, temporal, mongodb].map((hours) => round(hours, 2)),
      round(demand.itemsPerWorkerSecond, 0),
      count(demand.actions),
      count(demand.historyEvents),
      round(demand.historyBytes / GB, 2),
      count(demand.mongoCommands),
      count(demand.mongoWrites),
      round(demand.mongoBytes / GB, 1),
      count(demand.transferredBytes / GB),
    ];
  });
  const titles = [
    'A million items',
    'CPU h gateway',
    'CPU h worker',
    'CPU h Temporal',
    'CPU h MongoDB',
    'Items/s a worker core',
    'Temporal actions',
    'History events',
    'History GB',
    'MongoDB commands',
    'MongoDB writes',
    'MongoDB GB',
    'Network GB',
  ];
  return `${markdownTable(titles, rows)}\n\nCosts of an item as measured on ${costs.measured}.`;
}

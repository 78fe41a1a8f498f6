import { PROCESSES, type ItemCosts, type ProcessName } from './item-costs.js';

/** What is to be imported. */
export interface Load {
  readonly name: string;
  readonly items: number;
  /** Items of one POST. */
  readonly batch: number;
  readonly bytesPerItem: number;
}

/** What a load takes. */
export interface Demand {
  readonly cpuHours: Readonly<Record<ProcessName, number>>;
  /** As Temporal Cloud counts them: starts of workflows, activities and their retries, timers, search attributes. */
  readonly actions: number;
  readonly historyEvents: number;
  readonly historyBytes: number;
  readonly mongoCommands: number;
  readonly mongoWrites: number;
  /** In MongoDB, before its compression, indexes included. */
  readonly mongoBytes: number;
  /** Once from the source and once to the blob store. */
  readonly transferredBytes: number;
  /** Items a second of one worker on one processor. */
  readonly itemsPerWorkerSecond: number;
}

const MIB = 1024 ** 2;
const MS_PER_HOUR = 3_600_000;

/** The shape of `importBatch` (workflows/import-batch.ts) with its defaults. */
const PAGE = 50;
const PLAN_ITEMS = 20_000;
/** Start, finish, its search attribute, the webhook's workflow and its one attempt. */
const ACTIONS_PER_BATCH = 5;

/** Bytes of BSON of a settled item with a URL of 90 characters and one short metadata, and of its media. */
export const DOCUMENT_BYTES = { item: 725, media: 705 } as const;
/** Entries of the indexes of src/store/collections.ts: keys and some 10 bytes each. */
const INDEX_BYTES = { item: 95, media: 175 } as const;

const STORED_BYTES = DOCUMENT_BYTES.item + DOCUMENT_BYTES.media + INDEX_BYTES.item + INDEX_BYTES.media;

/** What a load takes, from what one item costs. Batches are swept, nothing fails, and every file is new. */
export function demandOf({ items, batch, bytesPerItem }: Load, costs: ItemCosts): Demand {
  const batches = Math.ceil(items / batch);
  const mib = bytesPerItem / MIB;
  const cpuMs = { ...costs.cpuMs, worker: costs.cpuMs.worker + costs.workerCpuMsPerMib * mib };
  const perBatch = ACTIONS_PER_BATCH + Math.ceil(batch / PLAN_ITEMS) + Math.ceil(batch / PAGE);
  return {
    cpuHours: Object.fromEntries(
      PROCESSES.map((name) => [name, (cpuMs[name] * items) / MS_PER_HOUR]),
    ) as Demand['cpuHours'],
    actions: batches * perBatch,
    historyEvents: items * costs.historyEvents,
    historyBytes: items * costs.historyBytes,
    mongoCommands: items * costs.mongoCommands,
    mongoWrites: items * costs.mongoWrites,
    mongoBytes: items * STORED_BYTES,
    transferredBytes: 2 * items * bytesPerItem,
    itemsPerWorkerSecond: 1000 / cpuMs.worker,
  };
}

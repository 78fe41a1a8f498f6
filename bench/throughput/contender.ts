import { join } from 'node:path';
import type { Pids } from '../stack/processes.js';
import type { Bench } from '../stack/with-bench.js';

/* What the comparison knows of a contender. No file of this kind is heavy: contenders' processes, whose memory is measured, load it. */

/** Names by which the reports compare. */
export const BARE_LOOP = 'bare loop';
export const NAIVE = 'one activity an item';
export const SERVICE = 'durable-import';
export const BULLMQ = 'BullMQ';
export const PG_BOSS = 'pg-boss';

/** One import of so many items; the name makes its items different from those of every other. */
export interface Run {
  readonly name: string;
  readonly items: number;
  /** Size of each body. */
  readonly bytes: number;
}

export interface HistoryCost {
  readonly events: number;
  readonly bytes: number;
}

interface RunResult {
  readonly seconds: number;
  /** What the run left in Temporal, over all runs of its workflows; null for what does not use it. */
  readonly history: (() => Promise<HistoryCost>) | null;
  /** What else belongs to the figures, such as how items were posted. */
  readonly note?: string;
}

/** Something that imports items. Its processes are kept between runs: after some thousand items they are warm. */
export interface Contender {
  readonly name: string;
  /** One line for the table. */
  readonly description: string;
  /** All processes that work for it, including the servers and the origin. */
  readonly pids: Pids;
  /** Where its blobs lie: emptied between runs, so that the disk holds those of one. */
  readonly blobs: string;
  run(run: Run): Promise<RunResult>;
}

/** One item of a run: its name and where it is fetched from. */
export interface ItemJob {
  readonly url: string;
  readonly externalId: string;
}

export function jobOf(origin: string, { name, bytes }: Run, seq: number): ItemJob {
  return { url: `${origin}/${bytes}/${name}/${seq}`, externalId: `${name}-${seq}` };
}

/** The jobs of a run for a queue that takes them in bulk, `size` at a time. */
export function* bulksOf(origin: string, run: Run, size: number): Generator<ItemJob[]> {
  for (let from = 0; from < run.items; from += size)
    yield Array.from({ length: Math.min(size, run.items - from) }, (_, index) => jobOf(origin, run, from + index));
}

/** A contender cannot take part on this machine; the message is the reason that the report gives. */
export class Missing extends Error {
  override readonly name = 'Missing';
}

/** What a contender's process has to know to do the work. */
export interface WorkSettings {
  readonly origin: string;
  readonly mongodb: string;
  readonly database: string;
  /** Folder of the blobs. */
  readonly root: string;
}

/** A database and a blob folder of the contender's own, on the server and the disk that all of them share. */
export function workSettings({ origin, mongodb, dataDir, databaseName }: Bench, contender: string): WorkSettings {
  const root = join(dataDir, `blobs-${contender}`);
  return { origin: origin.origin, mongodb, database: databaseName(contender), root };
}

export interface QueueOptions {
  /** False: as the product is without any options. */
  readonly tuned: boolean;
  /** Jobs that a tuned BullMQ worker has in flight. */
  readonly concurrency: number;
}

/** What each file of bench/contenders exports. It is loaded by its path, for its packages may be missing. */
export interface QueueModule {
  /** @throws Missing when the server of the queue is not installed */
  readonly start: (bench: Bench, options: QueueOptions) => Promise<Contender>;
}

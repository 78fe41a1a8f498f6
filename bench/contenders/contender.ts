import type { Pids } from '../measure/process-watch.js';

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
  /** What else is worth telling, such as how items were posted. */
  readonly note?: string;
}

/** Something that imports items, with everything warm once it has done so a few thousand times. */
export interface Contender {
  readonly name: string;
  /** One line for the table. */
  readonly description: string;
  /** All processes that work for it, the servers and the origin among them. */
  readonly pids: Pids;
  /** Where its blobs lie: emptied between runs, so that the disk holds those of one. */
  readonly blobs: string;
  run(run: Run): Promise<RunResult>;
}

/** The name of item `seq` of a run and where it is fetched from. */
export interface ItemJob {
  readonly url: string;
  readonly externalId: string;
}

export function jobOf(origin: string, { name, bytes }: Run, seq: number): ItemJob {
  return { url: `${origin}/${bytes}/${name}/${seq}`, externalId: `${name}-${seq}` };
}

import { createBenchClient } from './bench-client.js';
import type { Run } from './contender.js';
import type { Posted } from './post-items.js';
import { msUntilEnd, postRun, untilFinished } from './service-load.js';

export interface ServiceOptions {
  readonly api: string;
  readonly token: string;
  readonly origin: string;
  readonly run: Run;
  /** How every item has to end. */
  readonly outcome?: 'success' | 'skipped';
}

export interface ServiceRun extends Posted {
  readonly seconds: number;
}

/** The end is taken from the import itself; asking more often would only be work for the gateway. */
const POLL_MS = 250;
/** Ends a hang: 100,000 items of 1 MiB take a quarter of that on a slow disk. */
const WITHIN_MS = 4 * 3_600_000;

/**
 * One import through the HTTP API, from the beginning of the POST to the `finishedAt` of the batch, by the one clock of this
 * machine. Without streamed bodies more than 10,000 items are several imports, posted one after the other.
 * @throws Error when an item did not end as it should
 */
export async function importThroughService(options: ServiceOptions): Promise<ServiceRun> {
  const { api, token, origin, run, outcome = 'success' } = options;
  const client = createBenchClient({ api, token });
  const startedAt = Date.now();
  const posted = await postRun(client, origin, run);
  let ms = 0;
  let ended = 0;
  for (const id of posted.importIds) {
    const shown = await untilFinished(client, id, POLL_MS, WITHIN_MS);
    ended += shown.counts[outcome];
    ms = Math.max(ms, msUntilEnd(startedAt, shown));
  }
  if (ended !== run.items) throw new Error(`${run.items - ended} of ${run.items} items did not end as ${outcome}`);
  return { ...posted, seconds: ms / 1000 };
}

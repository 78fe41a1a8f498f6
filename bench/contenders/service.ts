import { setTimeout as delay } from 'node:timers/promises';
import { createBenchClient } from './bench-client.js';
import { jobOf, type Run } from './contender.js';
import { postItems, type Posted } from './post-items.js';

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

/**
 * One import through the HTTP API, from the beginning of the POST to the `finishedAt` of the batch, by the one clock of this
 * machine. Without streamed bodies more than 10,000 items are several imports, posted one after the other.
 * @throws Error when an item did not end as it should
 */
export async function importThroughService({
  api,
  token,
  origin,
  run,
  outcome = 'success',
}: ServiceOptions): Promise<ServiceRun> {
  const client = createBenchClient({ api, token });
  const items = Array.from({ length: run.items }, (_, seq) => {
    const { url, externalId } = jobOf(origin, run, seq);
    return { url, id: externalId, fileName: `${seq}.mp4`, metadata: {} };
  });
  const startedAt = Date.now();
  const posted = await postItems(client, { systemName: 'bench' }, items);
  let endedAt = startedAt;
  let ended = 0;
  for (const id of posted.importIds) {
    let shown = await client.show(id);
    for (; !shown.finished; shown = await client.show(id)) await delay(POLL_MS);
    ended += shown.counts[outcome];
    endedAt = Math.max(endedAt, Date.parse(shown.finishedAt ?? ''));
  }
  if (ended !== run.items) throw new Error(`${run.items - ended} of ${run.items} items did not end as ${outcome}`);
  return { ...posted, seconds: (endedAt - startedAt) / 1000 };
}

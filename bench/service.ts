import { setTimeout as delay } from 'node:timers/promises';
import { createApiClient } from '../src/cli/api-client.js';

export interface ServiceOptions {
  readonly api: string;
  readonly token: string;
  readonly origin: string;
  readonly items: number;
  /** Makes the media of this run different from those of every other. */
  readonly run: string;
  /** How every item has to end. */
  readonly outcome?: 'success' | 'skipped';
}

/** Far below the time of any run; a status is a workflow task and a few reads of the same servers. */
const POLL_MS = 200;

/**
 * One import through the HTTP API, from the POST to the end of the batch. Answers seconds.
 * @throws Error when an item did not end as it should
 */
export async function importThroughService({
  api,
  token,
  origin,
  items,
  run,
  outcome = 'success',
}: ServiceOptions): Promise<number> {
  const client = createApiClient({ api, token });
  const videos = Array.from({ length: items }, (_, seq) => {
    return { url: `${origin}/${run}/${seq}`, id: `${run}-${seq}`, fileName: `${seq}.mp4`, metadata: {} };
  });
  const startedAt = performance.now();
  const id = await client.submit('videos', { systemName: 'bench', videos });
  for (;;) {
    const { finished, counts } = await client.show(id);
    if (finished) {
      const missing = items - counts[outcome];
      if (missing !== 0) throw new Error(`${missing} of ${items} items did not end as ${outcome}`);
      return (performance.now() - startedAt) / 1000;
    }
    await delay(POLL_MS);
  }
}

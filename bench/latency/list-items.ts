import type { BenchClient } from '../contenders/bench-client.js';
import { createTimings } from '../measure/timings.js';
import { keepBusy } from './keep-busy.js';

export interface ListLoad {
  /** Of the import that runs meanwhile. */
  readonly busyItems: number;
  /** The import whose items are listed. */
  readonly id: string;
  readonly pages: number;
}

/** Latencies of pages of 100 items, from the first one on, while another import runs; null when there is no such route. */
export async function listUnderLoad(client: BenchClient, origin: string, load: ListLoad): Promise<number[] | null> {
  const path = `imports/${load.id}/items?limit=100`;
  if ((await client.get(path)).status === 404) return null;
  const busy = await keepBusy(client, origin, load.busyItems, 'busy-listing');
  const timings = createTimings();
  let after = '';
  for (let page = 1; page <= load.pages; page += 1) {
    const { status, body } = await timings.time(() => client.get(`${path}${after}`));
    if (status !== 200) throw new Error(`GET ${path} answered ${status}`);
    const { next } = body as { next: string | null };
    after = next === null ? '' : `&after=${encodeURIComponent(next)}`;
  }
  await busy.stop();
  return timings.ms;
}

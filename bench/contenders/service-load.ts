import { setTimeout as delay } from 'node:timers/promises';
import type { BenchClient, Shown } from './bench-client.js';
import { jobOf, type Run } from './contender.js';
import { postItems, type Posted } from './post-items.js';

/** Posts a run of the service, without waiting for its end. `more` are further keys of the batch, such as `priority`. */
export function postRun(client: BenchClient, origin: string, run: Run, more: object = {}): Promise<Posted> {
  const items = Array.from({ length: run.items }, (_, seq) => {
    const { url, externalId } = jobOf(origin, run, seq);
    return { url, id: externalId, fileName: `${seq}.mp4`, metadata: {} };
  });
  return postItems(client, { systemName: 'bench', ...more }, items);
}

/**
 * Asks until the import has ended.
 * @throws Error when it has not within `withinMs`
 */
export async function untilFinished(client: BenchClient, id: string, pollMs: number, withinMs: number): Promise<Shown> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const shown = await client.show(id);
    if (shown.finished) return shown;
    if (Date.now() > deadline) throw new Error(`The import ${id} had not ended after ${withinMs / 1000} s`);
    await delay(pollMs);
  }
}

/** Milliseconds from `startedAt` (of this machine's clock) to the end that the import tells. */
export function msUntilEnd(startedAt: number, { finishedAt }: Shown): number {
  return Date.parse(finishedAt ?? '') - startedAt;
}

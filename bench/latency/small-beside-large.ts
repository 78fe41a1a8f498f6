import { setTimeout as delay } from 'node:timers/promises';
import type { BenchClient } from '../contenders/bench-client.js';
import { msUntilEnd, postRun, untilFinished } from '../contenders/service-load.js';

export interface SmallBesideLarge {
  /** From the POST to the end of each small import that ended while the large one ran, milliseconds. */
  readonly ms: number[];
  /** The large import, or the last part of it. */
  readonly largeId: string;
  readonly posted: string;
}

export interface SmallOptions {
  readonly largeItems: number;
  readonly tries: number;
}

const SMALL_ITEMS = 10;
const POLL_MS = 100;
const PAUSE_MS = 500;
const SMALL_WITHIN_MS = 120_000;
const LARGE_WITHIN_MS = 3_600_000;

/** Posts 100,000 items, and while they run one import of 10 items after the other. Waits for the end of the large one. */
export async function smallBesideLarge(
  client: BenchClient,
  origin: string,
  { largeItems, tries }: SmallOptions,
): Promise<SmallBesideLarge> {
  const { importIds, posted } = await postRun(client, origin, { name: 'large', items: largeItems, bytes: 4_096 });
  const largeId = importIds.at(-1) ?? '';
  const ms: number[] = [];
  for (let number = 1; number <= tries; number += 1) {
    const startedAt = Date.now();
    const small = await postRun(client, origin, { name: `small-${number}`, items: SMALL_ITEMS, bytes: 4_096 });
    const shown = await untilFinished(client, small.importIds[0] ?? '', POLL_MS, SMALL_WITHIN_MS);
    // Beside nothing it would be a figure of something else.
    if ((await client.show(largeId)).finished) break;
    ms.push(msUntilEnd(startedAt, shown));
    await delay(PAUSE_MS);
  }
  for (const id of importIds) await untilFinished(client, id, 1_000, LARGE_WITHIN_MS);
  return { ms, largeId, posted };
}

import { setTimeout as delay } from 'node:timers/promises';
import type { BenchClient } from '../contenders/bench-client.js';
import { msUntilEnd, postRun, untilFinished } from '../contenders/service-load.js';

interface SmallImport {
  readonly who: string;
  /** From its POST to its end; null when the service refused it. */
  readonly seconds: number | null;
  /** Large imports that had ended before it did. */
  readonly largeEndedBefore: number;
  readonly refused?: string;
}

export interface Crowd {
  readonly large: BenchClient;
  readonly other: BenchClient;
  readonly origin: string;
  /** Large imports, and items of each. */
  readonly batches: number;
  readonly items: number;
  readonly smallItems: number;
}

export interface BehindMany {
  readonly small: SmallImport[];
  /** All large imports, from the first POST to the last end. */
  readonly largeSeconds: number;
}

const BYTES = 4_096;
const POLL_MS = 100;
const WITHIN_MS = 3_600_000;
/** All lanes of the worker are taken by the large imports then. */
const HEAD_START_MS = 1_000;

/** Posts many large imports of one project, and then small ones: of another project, of the same, and of the same but urgent. */
export async function smallBehindMany(crowd: Crowd): Promise<BehindMany> {
  const { large, other, origin, smallItems } = crowd;
  const startedAt = Date.now();
  const largeIds: string[] = [];
  for (let batch = 1; batch <= crowd.batches; batch += 1) {
    const posted = await postRun(large, origin, { name: `crowd-${batch}`, items: crowd.items, bytes: BYTES });
    largeIds.push(...posted.importIds);
  }
  await delay(HEAD_START_MS);
  const one = async (who: string, name: string, client: BenchClient, more: object) => {
    const postedAt = Date.now();
    try {
      const { importIds } = await postRun(client, origin, { name, items: smallItems, bytes: BYTES }, more);
      const shown = await untilFinished(client, importIds[0] ?? '', POLL_MS, WITHIN_MS);
      return { who, endedAt: Date.parse(shown.finishedAt ?? ''), seconds: msUntilEnd(postedAt, shown) / 1000 };
    } catch (error) {
      // A service that does not know the key refuses it.
      return { who, endedAt: 0, seconds: null, refused: error instanceof Error ? error.message : String(error) };
    }
  };
  const small = await Promise.all([
    one('another project', 'small-other', other, {}),
    one('the same project, priority 1', 'small-urgent', large, { priority: 1 }),
    one('the same project', 'small-same', large, {}),
  ]);
  const ends: number[] = [];
  for (const id of largeIds) {
    const shown = await untilFinished(large, id, 500, WITHIN_MS);
    ends.push(Date.parse(shown.finishedAt ?? ''));
  }
  return {
    largeSeconds: (Math.max(...ends) - startedAt) / 1000,
    small: small.map(({ endedAt, ...rest }) => ({
      ...rest,
      largeEndedBefore: ends.filter((end) => end < endedAt).length,
    })),
  };
}

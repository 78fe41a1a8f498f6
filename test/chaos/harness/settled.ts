import { setTimeout as pause } from 'node:timers/promises';
import type { SentPost } from './clients.js';
import type { World } from './world.js';

const POLL_MS = 500;

/** How far everything is. */
export interface Settling {
  readonly items: number;
  readonly open: number;
  /** Batches that were accepted and have not ended. */
  readonly running: number;
  /** Messages that have not been taken by the receiver. */
  readonly undelivered: number;
}

export async function lookAt({ db }: World): Promise<Settling> {
  const [items, open, running, undelivered] = await Promise.all([
    db.collection('items').countDocuments({}),
    db.collection('items').countDocuments({ state: 'open' }),
    db.collection('batches').countDocuments({ state: { $in: ['accepted', 'started'] } }),
    db.collection('deliveries').countDocuments({ state: 'pending' }),
  ]);
  return { items, open, running, undelivered };
}

/** Waits until nothing is under way, or until the time is up: what is left then is for the checker to say. @throws when stopped */
export async function untilSettled(
  world: World,
  posts: readonly SentPost[],
  { withinMs, signal }: { withinMs: number; signal: AbortSignal },
): Promise<void> {
  const deadline = Date.now() + withinMs;
  const told = posts.flatMap(({ ids }) => ids);
  while (Date.now() < deadline) {
    try {
      const { running, undelivered } = await lookAt(world);
      const known = await world.db.collection<{ _id: string }>('batches').countDocuments({ _id: { $in: told } });
      const delivered = await world.db.collection('deliveries').countDocuments({});
      const ended = await world.db.collection('batches').countDocuments({ state: { $in: ['success', 'failed'] } });
      if (running === 0 && undelivered === 0 && known === new Set(told).size && delivered === ended) return;
    } catch {
      // The server may just be coming back.
    }
    await pause(POLL_MS, undefined, { signal });
  }
}

import { setTimeout as pause } from 'node:timers/promises';
import { send, type SentPost } from './clients.js';
import { createPostMaker, type Post } from './posts.js';
import type { Random } from './random.js';
import type { World } from './world.js';

export interface LoadOptions {
  readonly world: World;
  readonly random: Random;
  readonly items: number;
  /** The posts are spread over this time. */
  readonly forMs: number;
  /** One in so many new files is a large one. */
  readonly largeEvery: number;
  readonly signal: AbortSignal;
}

/** The share of the time in which everything is posted; the rest is for finishing it under fire. */
const POSTING = 0.8;
/** Above the 200 open items from which on pages are swept, and below. */
const SIZES = { tiny: [1, 10], small: [11, 60], middle: [61, 200], large: [201, 400] } as const;

/** Sizes of batches that make up so many items; the first one is always swept. */
function batchSizes(items: number, random: Random): number[] {
  const sizes = [Math.min(items, random.int(210, 240))];
  let left = items - (sizes[0] ?? 0);
  while (left > 0) {
    const [least, most] = SIZES[random.pick(['tiny', 'small', 'small', 'middle', 'large'] as const)];
    // However few items there are, they make several batches.
    const size = Math.min(left, random.int(least, most), Math.max(10, Math.ceil(items / 8)));
    sizes.push(size);
    left -= size;
  }
  return sizes;
}

/**
 * Posts batches one after the other, none waiting for the one before, and waits until every client has its answer. What was
 * refused without a key, or has lost its answer, is posted anew with one.
 */
export async function postEverything({
  world,
  random,
  items,
  forMs,
  largeEvery,
  signal,
}: LoadOptions): Promise<SentPost[]> {
  const maker = createPostMaker({ random: random.fork(), versions: world.origin.versions, largeEvery });
  const startedAt = Date.now();
  const sending: Promise<SentPost[]>[] = [];
  const sendOrRepeat = async (post: Post, choices: Random): Promise<SentPost[]> => {
    const first = await send(world, post, choices);
    if (first.ids.length > 0 || first.refusal !== null) return [first];
    return [first, await send(world, maker.repeat(post), choices)];
  };
  let posted = 0;
  for (const size of batchSizes(items, random.fork())) {
    await pause(Math.max(0, startedAt + (forMs * POSTING * posted) / items - Date.now()), undefined, { signal });
    sending.push(sendOrRepeat(maker.next(size), random.fork()));
    posted += size;
  }
  return (await Promise.all(sending)).flat();
}

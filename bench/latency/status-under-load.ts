import { setTimeout as delay } from 'node:timers/promises';
import type { BenchClient } from '../contenders/bench-client.js';
import { postRun } from '../contenders/service-load.js';
import { createTimings, type Timings } from '../measure/timings.js';
import { keepBusy } from './keep-busy.js';

export interface StatusLatency {
  readonly status: number[];
  readonly show: number[];
  readonly post: number[];
}

export interface StatusLoad {
  readonly items: number;
  readonly pollers: number;
  /** Pause of a poller between two questions; they begin spread over it. */
  readonly pollMs: number;
  /** Imports of 1,000 items that are posted meanwhile. */
  readonly posts: number;
}

const POSTED_ITEMS = 1_000;
/** Between two posts: what they add to the running import stays small beside it. */
const POST_PAUSE_MS = 2_000;

/** Latencies of status, import and POST while an import of 10,000 items runs. */
export async function statusUnderLoad(client: BenchClient, origin: string, load: StatusLoad): Promise<StatusLatency> {
  const busy = await keepBusy(client, origin, load.items, 'busy');
  const [status, show, post] = [createTimings(), createTimings(), createTimings()];
  const ending = new AbortController();
  const ask = async (timings: Timings, path: string): Promise<void> => {
    const answer = await timings.time(() => client.get(path));
    if (answer.status !== 200) throw new Error(`GET ${path} answered ${answer.status}`);
  };
  const poller = async (index: number): Promise<void> => {
    await delay((index * load.pollMs) / load.pollers);
    while (!ending.signal.aborted) {
      await ask(status, `import/videos/status?id=${busy.current()}`);
      await delay(load.pollMs);
      await ask(show, `imports/${busy.current()}`);
      await delay(load.pollMs);
    }
  };
  const pollers = Promise.all(Array.from({ length: load.pollers }, (_, index) => poller(index)));
  const posts = (async () => {
    for (let number = 1; number <= load.posts; number += 1) {
      await delay(POST_PAUSE_MS);
      const run = { name: `posted-${number}`, items: POSTED_ITEMS, bytes: 4_096 };
      await post.time(() => postRun(client, origin, run));
    }
  })();
  // A poller that fails ends it all.
  await Promise.race([posts, pollers.then(() => posts)]);
  ending.abort();
  await pollers;
  await busy.stop();
  return { status: status.ms, show: show.ms, post: post.ms };
}

import { setTimeout as delay } from 'node:timers/promises';
import { createTimings, type Timings } from './figures.js';
import { type BenchClient, msUntilEnd, postRun, untilFinished } from './stack/import-client.js';

/* The latencies that are measured while a large import runs. */

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

/** Items of each POST that is timed. */
const POSTED_ITEMS = 1_000;
/** Between two posts: what they add stays small beside the running import. */
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
/** The end is taken from the import itself: the poll only has to notice it before the next small import is due. */
const SMALL_POLL_MS = 100;
const PAUSE_MS = 500;
/** Ends a hang: a small import takes about a second, 100,000 items some minutes. */
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
    const shown = await untilFinished(client, small.importIds[0] ?? '', SMALL_POLL_MS, SMALL_WITHIN_MS);
    // Without the large import beside it, the time would be that of an idle service.
    if ((await client.show(largeId)).finished) break;
    ms.push(msUntilEnd(startedAt, shown));
    await delay(PAUSE_MS);
  }
  for (const id of importIds) await untilFinished(client, id, 1_000, LARGE_WITHIN_MS);
  return { ms, largeId, posted };
}

interface Load {
  /** The import that runs now. */
  current(): string;
  /** No further import is begun. Resolves when the last one has ended. */
  stop(): Promise<void>;
}

/** As in the reference cell of the throughput benchmark. */
const BUSY_BYTES = 16 * 1024;
/** A pause of at most this between two imports, short beside the ten seconds of each. */
const BUSY_POLL_MS = 500;
/** Ends a hang. */
const BUSY_WITHIN_MS = 600_000;

/** Keeps an import of so many items running: when one ends the next one is posted. Resolves when the first one is accepted. */
async function keepBusy(client: BenchClient, origin: string, items: number, name: string): Promise<Load> {
  const stopping = new AbortController();
  let number = 0;
  const next = async (): Promise<string> => {
    number += 1;
    const { importIds } = await postRun(client, origin, { name: `${name}-${number}`, items, bytes: BUSY_BYTES });
    return importIds.at(-1) ?? '';
  };
  let id = await next();
  const running = (async () => {
    for (;;) {
      await untilFinished(client, id, BUSY_POLL_MS, BUSY_WITHIN_MS);
      if (stopping.signal.aborted) return;
      id = await next();
    }
  })();
  running.catch(() => undefined);
  return {
    current: () => id,
    stop() {
      stopping.abort();
      return running;
    },
  };
}

import { setMaxListeners } from 'node:events';
import type { SweepResult } from '../temporal/activity-api.js';
import type { Batch } from '../domain/import.js';
import type { Item } from '../domain/item.js';
import { NeedsOwnActivity } from '../download/source.js';
import type { AtHost, HostLimiter } from '../host-limits/host-limiter.js';
import { attemptItem, giveUp, lookUp, hostRequestOf, type AttemptDeps, type AttemptOutcome } from './attempt.js';
import type { CurrentMedia } from './content.js';
import type { Suspects } from './suspects.js';
import { withTimeLimits } from './with-time-limit.js';

/** Items of one page in flight: enough to hide a source's latency; some 10 pages at a time share the process. */
const CONCURRENCY = 16;
/** After this no further item of the page is begun; the rest stays open. Keeps a pause or a deploy short. */
const BUDGET_MS = 60_000;
/** A source that has not answered by then would hold up the page. It gets 30 s in an activity of its own. */
const ANSWER_MS = 2_000;
/** An item that takes longer than this would hold up its page. */
const ITEM_MS = 10_000;
/** A body beyond 8 MiB takes seconds at usual speeds and is worth resuming, which a page does not do. */
const ITEM_BYTES = 8 * 1024 ** 2;
/** So many items of a host without an answer in a row, and the others of the page leave it without being tried. */
const SILENT_IN_ROW = 2;
/** A host whose slots are in use by others, and of which the page has had none for so long, is left for later. */
const HOST_PATIENCE_MS = 2_000;
/** The last host of a page of several keeps the page for so long at most: its items are planned again as pages of their own. */
const LAST_HOST_MS = 2_000;
/** When items that found no slot of their host are worth another look. */
const LOOK_AGAIN_MS = 1_000;

export interface PageDeps extends AttemptDeps {
  readonly hosts: HostLimiter;
}

interface PageItem {
  readonly item: Item;
  readonly current: CurrentMedia;
}

/** The items of one host in a page. */
interface HostItems {
  readonly host: string;
  readonly waiting: PageItem[];
  running: number;
  silentInRow: number;
  /** When an item of it last got a slot, or the page began. */
  movedAt: number;
}

/**
 * Tries each item of a page once, with the hosts of the page taking turns. Whatever would hold up the others leaves the page: items
 * of a host that rests, is full or does not answer, and those that are large or slow.
 * @param open the items, in request order
 * @param watch given when the page was begun before and did not come to its end
 * @throws whatever is not the fault of an item, after all that was under way has ended
 */
export async function importPage(
  deps: PageDeps,
  batch: Batch,
  open: readonly Item[],
  cancelled: AbortSignal,
  watch: Suspects['watch'] = (_item, work) => work(() => Promise.resolve()),
): Promise<SweepResult> {
  const result = { success: 0, skipped: 0, failed: 0, bytes: 0 };
  const left = { count: 0, own: 0, full: 0, dueMs: Infinity };
  // All at once: one read for the page.
  const items = await Promise.all(open.map(async (item) => ({ item, current: await lookUp(deps, batch, item) })));
  const hosts = byHost(items, deps.hosts);
  const over = AbortSignal.any([cancelled, AbortSignal.timeout(BUDGET_MS)]);
  // Each of them may wait for a slot.
  setMaxListeners(2 * CONCURRENCY, over);

  const leave = (host: HostItems, dueMs: number): void => {
    left.count += host.waiting.length;
    if (host.waiting.length > 0) left.dueMs = Math.min(left.dueMs, dueMs);
    host.waiting.length = 0;
  };
  const leaveAsOwn = async (host: HostItems): Promise<void> => {
    const all = host.waiting.splice(0);
    left.own += all.length;
    await Promise.all(all.map(({ item }) => deps.store.items.markSolo(item.batchId, item.seq)));
  };
  const conclude = async (host: HostItems, outcome: AttemptOutcome): Promise<void> => {
    host.movedAt = performance.now();
    if (outcome.kind === 'settled') {
      result[outcome.state] += 1;
      result.bytes += outcome.bytes;
    } else if (outcome.kind === 'retry') {
      left.count += 1;
      left.dueMs = Math.min(left.dueMs, outcome.delayMs);
    } else left.own += 1;
    host.silentInRow = outcome.kind === 'own' && outcome.why === 'silent' ? host.silentInRow + 1 : 0;
    if (host.silentInRow >= SILENT_IN_ROW) await leaveAsOwn(host);
  };

  const tryOne = async (host: HostItems, page: PageItem): Promise<void> => {
    const { item } = page;
    const visit = await deps.hosts.visit(item.host, hostRequestOf(batch, item), over, (at) =>
      watch(item, (onAnswered) => attempt(deps, batch, page, at, { cancelled, onAnswered })),
    );
    if (visit.kind === 'done') {
      await conclude(host, visit.result);
      if (visit.restMs > 0) leave(host, visit.restMs);
    } else if (visit.kind === 'hopeless') {
      await conclude(host, await giveUp(deps, batch, item, visit.circuit));
    } else {
      host.waiting.push(page);
      // It waited for a slot while the host was found to be silent.
      if (host.silentInRow >= SILENT_IN_ROW) await leaveAsOwn(host);
      else if (visit.kind === 'closed') {
        await deps.store.batches.markTroubled(batch);
        leave(host, visit.restMs);
      } else if (visit.kind === 'full' && performance.now() - host.movedAt > HOST_PATIENCE_MS) {
        left.full += host.waiting.length;
        leave(host, LOOK_AGAIN_MS);
      }
    }
  };

  let aloneSince = Infinity;
  const next = (): HostItems | undefined => {
    const host = over.aborted ? undefined : nextHost(hosts);
    if (host === undefined || hosts.length === 1) return host;
    if (hosts.some((other) => other !== host && other.waiting.length + other.running > 0)) return host;
    aloneSince = Math.min(aloneSince, performance.now());
    if (performance.now() - aloneSince < LAST_HOST_MS) return host;
    left.full += host.waiting.length;
    leave(host, LOOK_AGAIN_MS);
    return undefined;
  };
  const worker = async (): Promise<void> => {
    for (;;) {
      const host = next();
      const page = host?.waiting.shift();
      if (host === undefined || page === undefined) return;
      host.running += 1;
      try {
        await tryOne(host, page);
      } finally {
        host.running -= 1;
      }
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: Math.min(CONCURRENCY, open.length) }, worker));
  // Every worker has ended, so nothing of a failed page continues behind the back of its next attempt.
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  for (const host of hosts) leave(host, LOOK_AGAIN_MS);
  const { count, own, full, dueMs } = left;
  if (count + own === 0) return result;
  return { ...result, left: { count, own, full, dueMs: Math.ceil(own > 0 ? 0 : Math.min(dueMs, BUDGET_MS)) } };
}

/** With its metadata, which a page leaves out when it is large. */
async function whole({ store }: PageDeps, item: Item): Promise<Item> {
  if (item.isLarge !== true) return item;
  return (await store.items.find(item.batchId, item.seq)) ?? item;
}

function byHost(items: readonly PageItem[], limiter: HostLimiter): HostItems[] {
  const hosts = new Map<string, HostItems>();
  for (const page of items) {
    const { host } = page.item;
    const known = hosts.get(host);
    if (known !== undefined) known.waiting.push(page);
    else hosts.set(host, { host, waiting: [page], running: 0, silentInRow: 0, movedAt: performance.now() });
  }
  for (const { host, waiting } of hosts.values()) {
    if (limiter.seemsWell(host)) continue;
    // The first item of a host whose pause is over is its probe, and must not always be the same.
    waiting.push(...waiting.splice(0, Math.floor(Math.random() * waiting.length)));
  }
  return [...hosts.values()];
}

/** Of the hosts with items left, the one with the fewest under way: a slow host holds up no other one. */
function nextHost(hosts: readonly HostItems[]): HostItems | undefined {
  let next: HostItems | undefined;
  for (const host of hosts)
    if (host.waiting.length > 0 && (next === undefined || host.running < next.running)) next = host;
  return next;
}

function attempt(
  deps: PageDeps,
  batch: Batch,
  { item, current }: PageItem,
  { leave: onArrived }: AtHost,
  { cancelled, onAnswered }: { readonly cancelled: AbortSignal; readonly onAnswered: () => Promise<void> },
): Promise<AttemptOutcome> {
  const limits = [
    { ms: ANSWER_MS, reason: () => new NeedsOwnActivity('silent') },
    { ms: ITEM_MS, reason: () => new NeedsOwnActivity('slow') },
  ];
  return withTimeLimits(cancelled, limits, async (signal, [answer]) =>
    attemptItem(deps, batch, await whole(deps, item), current, {
      signal,
      inlineBytes: ITEM_BYTES,
      onAnswered: () => {
        answer?.cancel();
        return onAnswered();
      },
      onArrived,
    }),
  );
}

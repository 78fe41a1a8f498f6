import { once } from 'node:events';
import type { SweepPageInput, SweepResult } from '../src/contract/activity-types.js';
import type { Batch } from '../src/contract/batch.js';
import type { Item } from '../src/contract/item.js';
import { LeaveSweep } from '../src/contract/source.js';
import { aborting } from './aborting.js';
import { attemptItem } from './attempt-item.js';
import type { AttemptOutcome } from './attempt-item.js';
import type { ActivityDeps } from './deps.js';
import { withHeartbeat } from './heartbeat.js';
import type { HostSlots } from './host-slots.js';

/** Items of one page in flight: enough to hide a source's latency; 8 pages at a time share the process. */
const CONCURRENCY = 16;
/** After this no further item of the page is begun; what is left stays open. Keeps a pause or a deploy short. */
const BUDGET_MS = 60_000;
/** An item that takes longer than this would hold up its page. */
const PATIENCE_MS = 10_000;
/** A body beyond 8 MiB takes seconds at usual speeds and is worth resuming, which a sweep cannot do. */
const SWEEP_BYTES = 8 * 1024 ** 2;

/** Tries each due open item of one page once. What it cannot settle stays open for a later round. */
export function createSweepPage(deps: ActivityDeps) {
  return async ({ projectId, batchId, fromSeq, toSeq }: SweepPageInput): Promise<SweepResult> => {
    const result = { success: 0, skipped: 0, failed: 0, bytes: 0 };
    await withHeartbeat(async (cancelled) => {
      const batch = await deps.store.batches.find(projectId, batchId);
      if (batch === null) return;
      const open = await deps.store.items.openInRange(batchId, fromSeq, toSeq, new Date());
      const queue = open.values();
      const over = AbortSignal.any([cancelled, AbortSignal.timeout(BUDGET_MS)]);
      const page = { over, ended: over.aborted ? Promise.resolve() : once(over, 'abort') };
      const worker = async (): Promise<void> => {
        for (const item of queue) {
          const outcome = await inTurn(deps.hostSlots, item.host, page, () => sweepItem(deps, batch, item, cancelled));
          if (outcome?.kind !== 'settled') continue;
          result[outcome.state] += 1;
          result.bytes += outcome.bytes;
        }
      };
      const ends = await Promise.allSettled(Array.from({ length: Math.min(CONCURRENCY, open.length) }, worker));
      // Every worker has ended, so nothing of a failed page goes on behind the back of its next attempt.
      for (const end of ends) if (end.status === 'rejected') throw end.reason;
    });
    return result;
  };
}

/** When a page begins nothing more: its budget is used up, or it was cancelled. */
interface Page {
  readonly over: AbortSignal;
  readonly ended: Promise<unknown>;
}

/** Does the work when the host has a slot for it, unless the page is over by then: null, and the item stays open. */
async function inTurn<T>(slots: HostSlots, host: string, page: Page, work: () => Promise<T>): Promise<T | null> {
  let running: Promise<T> | undefined;
  const turn = slots(host, async () => {
    if (page.over.aborted) return null;
    running = work();
    return running;
  });
  turn.catch(() => undefined);
  await Promise.race([turn, page.ended]).catch(() => undefined);
  // Work that has begun is waited for: a page never ends before its items.
  return page.over.aborted && running === undefined ? null : turn;
}

function sweepItem(deps: ActivityDeps, batch: Batch, item: Item, cancelled: AbortSignal): Promise<AttemptOutcome> {
  return aborting(cancelled, PATIENCE_MS, new LeaveSweep('slow'), (signal) =>
    attemptItem(deps, batch, item, { signal, sweepBytes: SWEEP_BYTES }),
  );
}

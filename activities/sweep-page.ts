import type { SweepPageInput, SweepResult } from '../src/contract/activity-types.js';
import type { Batch } from '../src/contract/batch.js';
import type { Item } from '../src/contract/item.js';
import { LeaveSweep } from '../src/contract/source.js';
import { attemptItem } from './attempt-item.js';
import type { AttemptOutcome } from './attempt-item.js';
import type { ActivityDeps } from './deps.js';
import { withHeartbeat } from './heartbeat.js';

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
    const batch = await deps.store.batches.find(projectId, batchId);
    const result = { success: 0, skipped: 0, failed: 0, bytes: 0 };
    if (batch === null) return result;
    const open = await deps.store.items.openInRange(batchId, fromSeq, toSeq, new Date());
    const deadline = Date.now() + BUDGET_MS;
    await withHeartbeat(async (signal) => {
      const queue = open.values();
      const worker = async (): Promise<void> => {
        for (const item of queue) {
          if (Date.now() > deadline) return;
          const outcome = await sweepItem(deps, batch, item, signal);
          if (outcome.kind !== 'settled') continue;
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

async function sweepItem(
  deps: ActivityDeps,
  batch: Batch,
  item: Item,
  cancelled: AbortSignal,
): Promise<AttemptOutcome> {
  const patience = new AbortController();
  const timer = setTimeout(() => {
    patience.abort(new LeaveSweep('slow'));
  }, PATIENCE_MS);
  const signal = AbortSignal.any([cancelled, patience.signal]);
  try {
    return await attemptItem(deps, batch, item, { signal, sweepBytes: SWEEP_BYTES });
  } finally {
    clearTimeout(timer);
  }
}

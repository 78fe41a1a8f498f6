import { setMaxListeners } from 'node:events';
import type { SweepPageInput, SweepResult } from '../src/contract/activity-types.js';
import { LeaveSweep } from '../src/contract/source.js';
import type { AtHost } from '../src/politeness/host-gate.js';
import { aborting } from './aborting.js';
import { attemptItem, type AttemptOutcome } from './attempt-item.js';
import type { ActivityDeps } from './deps.js';
import { withHeartbeat } from './heartbeat.js';
import { storedContent } from './stored-content.js';

/** Items of one page in flight: enough to hide a source's latency; some 10 pages at a time share the process. */
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
      const { batches, items } = deps.store;
      const [batch, open] = await Promise.all([
        batches.find(projectId, batchId),
        items.openInRange(batchId, fromSeq, toSeq, new Date()),
      ]);
      if (batch === null) return;
      // The first item of a host whose pause is over is its probe, and must not always be the same.
      const isWell = open.every(({ host }) => deps.hosts.seemsWell(host));
      const first = isWell ? 0 : Math.floor(Math.random() * open.length);
      const ordered = [...open.slice(first), ...open.slice(0, first)];
      // All at once: one read for the page.
      const page = await Promise.all(
        ordered.map(async (item) => ({ item, stored: await storedContent(deps, batch, item) })),
      );
      const queue = page.values();
      const over = AbortSignal.any([cancelled, AbortSignal.timeout(BUDGET_MS)]);
      // Each worker may wait for a slot.
      setMaxListeners(2 * CONCURRENCY, over);
      const worker = async (): Promise<void> => {
        for (const { item, stored } of queue) {
          const attempt = ({ leave: onArrived }: AtHost): Promise<AttemptOutcome> =>
            aborting(
              cancelled,
              PATIENCE_MS,
              () => new LeaveSweep('slow'),
              (signal) => attemptItem(deps, batch, item, stored, { signal, sweepBytes: SWEEP_BYTES, onArrived }),
            );
          const visit = await deps.hosts.visit(item.host, over, attempt, batchId);
          // An item that is not begun, because its host cools or the page is over, stays open.
          if (visit.kind !== 'done' || visit.result.kind !== 'settled') continue;
          result[visit.result.state] += 1;
          result.bytes += visit.result.bytes;
        }
      };
      const ends = await Promise.allSettled(Array.from({ length: Math.min(CONCURRENCY, open.length) }, worker));
      // Every worker has ended, so nothing of a failed page goes on behind the back of its next attempt.
      for (const end of ends) if (end.status === 'rejected') throw end.reason;
    });
    return result;
  };
}

import type { SweepPageInput, SweepResult } from '../src/contract/activity-types.js';
import { importPage } from '../src/item/page.js';
import type { ActivityDeps } from './deps.js';
import { withHeartbeat } from './heartbeat.js';
import { hasEndedOtherwise } from './plan-work.js';

/**
 * Tries each due open item of one page once. What it cannot settle stays open. It may run twice, and at the same time as its own
 * earlier run: an item is settled once.
 */
export function createSweepPage(deps: ActivityDeps) {
  return ({ projectId, batchId, fromSeq, toSeq }: SweepPageInput): Promise<SweepResult> =>
    withHeartbeat(async (cancelled) => {
      const { batches, items } = deps.store;
      const [batch, open] = await Promise.all([
        batches.find(projectId, batchId),
        items.openInRange(batchId, fromSeq, toSeq, deps.hosts.now()),
      ]);
      const nothing = { success: 0, skipped: 0, failed: 0, bytes: 0 };
      if (batch === null) return nothing;
      if (hasEndedOtherwise(batch)) return { ...nothing, hasEnded: true };
      return importPage(deps, batch, open, cancelled);
    });
}

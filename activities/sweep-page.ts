import { Context } from '@temporalio/activity';
import type { SweepPageInput, SweepResult } from '../src/contract/activity-types.js';
import { importPage } from '../src/item/page.js';
import type { ActivityDeps } from './deps.js';
import { withHeartbeat } from './heartbeat.js';
import { hasEndedOtherwise } from './plan-work.js';

/**
 * A page that did not come to its end twice, because its worker died or lost its database, is taken apart: if one of its items ends the
 * process that tries it, the others go on without it.
 */
const MOST_TRIES = 2;

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
      if (Context.current().info.attempt > MOST_TRIES && open.length > 0) {
        await Promise.all(open.map(({ seq }) => items.markSolo(batchId, seq)));
        return { ...nothing, left: { count: 0, own: open.length, full: 0, dueMs: 0 } };
      }
      return importPage(deps, batch, open, cancelled);
    });
}

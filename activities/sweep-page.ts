import { Context } from '@temporalio/activity';
import type { SweepPageInput, SweepResult } from '../src/temporal/activity-api.js';
import { importPage } from '../src/item/page.js';
import type { Suspects } from '../src/item/suspects.js';
import { withHeartbeat, type ActivityDeps } from './deps.js';
import { hasEndedOtherwise } from './plan-work.js';

/**
 * Tries each due open item of one page once. What it cannot settle stays open. It may run twice, and at the same time as its own
 * earlier run: an item is settled once. Of a page that did not come to its end, the items whose answers were being handled then leave
 * it: if one of them ends the processes that try it, the others are imported without it.
 */
export function createSweepPage(deps: ActivityDeps, suspects: Suspects) {
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
      const suspected = open.filter((item) => suspects.isSuspect(item));
      await Promise.all(suspected.map(({ seq }) => items.markSolo(batchId, seq)));
      const others = open.filter((item) => !suspected.includes(item));
      const watch = Context.current().info.attempt > 1 ? suspects.watch : undefined;
      const swept = await importPage(deps, batch, others, cancelled, watch);
      if (suspected.length === 0) return swept;
      const { left = { count: 0, own: 0, full: 0, dueMs: 0 } } = swept;
      return { ...swept, left: { ...left, own: left.own + suspected.length, dueMs: 0 } };
    });
}

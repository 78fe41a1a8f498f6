import { Context } from '@temporalio/activity';
import type { ImportItemInput, ItemResult } from '../src/temporal/activity-api.js';
import { importSingle } from '../src/item/single.js';
import type { Suspects } from '../src/item/suspects.js';
import { withHeartbeat, type ActivityDeps } from './deps.js';
import { finishBatch } from './finish-batch.js';
import { hasEndedOtherwise } from './plan-work.js';

/**
 * Imports one item: one attempt, if its host has room for it. The attempt is counted in the item, so a crash uses up none, and the
 * activity may run twice. The only item of an import ends it as well, which spares two ways through the server.
 */
export function createImportItem(deps: ActivityDeps, suspects: Suspects) {
  /** An activity that is run again did not come to its end: its item may have ended the process. */
  const tryOnce: Suspects['tryAgain'] = (batch, item, work) =>
    Context.current().info.attempt > 1 || suspects.isSuspect(item)
      ? suspects.tryAgain(batch, item, work)
      : work(() => Promise.resolve());

  return ({ projectId, batchId, seq, own = false, finishes }: ImportItemInput): Promise<ItemResult> =>
    withHeartbeat(async (signal, beat) => {
      const { batches, items } = deps.store;
      const [batch, item] = await Promise.all([batches.find(projectId, batchId), items.find(batchId, seq)]);
      if (batch === null || item === null || batch.state === 'storing')
        return { state: 'failed', bytes: 0, missing: true };
      if (hasEndedOtherwise(batch)) return { state: 'open', bytes: 0, hasEnded: true };
      const result: ItemResult =
        item.state === 'open'
          ? await tryOnce(batch, item, (onAnswered) =>
              importSingle(deps, batch, item, {
                signal,
                isOwn: own || item.solo === true,
                onAnswered,
                onProgress: beat,
              }),
            )
          : { state: item.state, bytes: item.bytes ?? 0 };
      if (finishes === undefined || result.state === 'open') return result;
      const ending = { projectId, batchId, outcome: 'success' as const, ...finishes, mayBeOpen: true };
      const finished = await finishBatch(deps, ending);
      return finished.open === undefined ? { ...result, finished } : result;
    });
}

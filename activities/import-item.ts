import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import type { ImportItemInput, ItemResult } from '../src/contract/activity-types.js';
import type { Batch } from '../src/contract/batch.js';
import { ImportError } from '../src/contract/errors.js';
import type { Item } from '../src/contract/item.js';
import type { FetchProgress } from '../src/contract/source.js';
import type { AtHost, Visited } from '../src/politeness/host-gate.js';
import { attemptItem } from './attempt-item.js';
import type { AttemptOptions, AttemptOutcome } from './attempt-item.js';
import { aborting } from './aborting.js';
import type { ActivityDeps } from './deps.js';
import { withHeartbeat } from './heartbeat.js';
import { storedContent, type StoredContent } from './stored-content.js';

/**
 * While the next attempt is nearer than this, the activity itself retries, visibly in the Temporal UI. A longer pause gives the
 * lane back: 50 items of a dead host must not keep the other 150 of a batch waiting for minutes.
 */
const LANE_PATIENCE_MS = 20_000;

/**
 * An attempt ends an hour before its activity's time limit does, so that it is counted: 50 GiB at 600 KiB/s take 24 hours, and
 * whatever is slower would else begin again for ever.
 */
const LONGEST_ATTEMPT_MS = 23 * 3_600_000;

/**
 * Imports one item: one attempt a run, repeated by Temporal after the pause that the retry policy or the source asks for. The
 * failure that Temporal shows meanwhile is expected, hence benign. Attempts are counted in the item, so a crash uses up none.
 */
export function createImportItem(deps: ActivityDeps) {
  return async ({ projectId, batchId, seq }: ImportItemInput): Promise<ItemResult> => {
    const visited = await withHeartbeat(async (signal, beat): Promise<Visited<AttemptOutcome> | ItemResult> => {
      const { batches, items } = deps.store;
      const [batch, item] = await Promise.all([batches.find(projectId, batchId), items.find(batchId, seq)]);
      if (batch === null || item === null) return { state: 'failed', bytes: 0 };
      if (item.state !== 'open') return { state: item.state, bytes: item.bytes ?? 0 };
      const stored = await storedContent(deps, batch, item);
      const attempt = ({ answered, leave }: AtHost): Promise<AttemptOutcome> => {
        const onProgress = (progress: FetchProgress): void => {
          answered();
          beat(progress);
          if (progress.offset > 0) deps.reach('after_checkpoint_before_rest');
        };
        return attemptWithin(deps, batch, item, stored, { signal, onProgress, onArrived: leave });
      };
      const visit = await deps.hosts.visit(item.host, signal, attempt, batchId);
      if (visit.kind === 'over') signal.throwIfAborted();
      return visit;
    });
    if ('state' in visited) return visited;
    if (visited.kind !== 'done') return { state: 'open', bytes: 0 };
    const { result: outcome, cools } = visited;
    if (outcome.kind === 'settled') return { state: outcome.state, bytes: outcome.bytes };
    if (outcome.kind === 'solo' || cools || outcome.delayMs > LANE_PATIENCE_MS) return { state: 'open', bytes: 0 };
    throw ApplicationFailure.create({
      message: outcome.message,
      type: outcome.code,
      category: ApplicationFailureCategory.BENIGN,
      nextRetryDelay: outcome.delayMs,
    });
  };
}

function attemptWithin(
  deps: ActivityDeps,
  batch: Batch,
  item: Item,
  stored: StoredContent,
  { signal: cancelled, ...told }: Omit<AttemptOptions, 'partKey'>,
): Promise<AttemptOutcome> {
  const tooSlow = () => new ImportError('too_slow', 'The file could not be fetched within 23 hours', { stage: 'body' });
  return aborting(cancelled, LONGEST_ATTEMPT_MS, tooSlow, (signal) =>
    attemptItem(deps, batch, item, stored, { ...told, signal, partKey: item._id }),
  );
}

import type { CollectRecordsResult } from '../src/contract/activity-types.js';
import { collectRecords } from '../src/garbage/collect-records.js';
import type { ActivityDeps } from './deps.js';
import { withHeartbeat } from './heartbeat.js';

/** Removes some of the records that are past their time. Harmless when it runs twice at a time: removing is idempotent. */
export function createCollectRecords(deps: ActivityDeps) {
  return async (): Promise<CollectRecordsResult> => {
    const collecting = { store: deps.store, now: () => new Date() };
    const removed = await withHeartbeat((signal) => collectRecords(collecting, deps.garbage, signal));
    const { batches, items, idempotencyKeys } = removed;
    deps.metrics.garbageRemoved('import', batches, 0);
    deps.metrics.garbageRemoved('idempotency_key', idempotencyKeys, 0);
    deps.logger.info({ batches, items, idempotencyKeys }, 'removed records past their time');
    return removed;
  };
}

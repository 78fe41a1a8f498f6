import type { CollectedBytes } from '../src/contract/activity-types.js';
import { collectParts } from '../src/garbage/collect-parts.js';
import type { ActivityDeps } from './deps.js';
import { withHeartbeat } from './heartbeat.js';

/** Removes parts of bodies that stopped arriving. Harmless when it runs twice at a time: removing is idempotent. */
export function createCollectParts(deps: ActivityDeps) {
  return async (): Promise<CollectedBytes> => {
    const collecting = { blobs: deps.blobs, now: () => new Date() };
    const removed = await withHeartbeat((signal) => collectParts(collecting, deps.garbage, signal));
    deps.metrics.garbageRemoved('part', removed.count, removed.bytes);
    deps.logger.info({ ...removed }, 'removed parts that did not grow any more');
    return removed;
  };
}

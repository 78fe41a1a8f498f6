import type { CollectedBytes } from '../src/contract/activity-types.js';
import { collectBlobs } from '../src/garbage/collect-blobs.js';
import type { ActivityDeps } from './deps.js';
import { withHeartbeat } from './heartbeat.js';

/** Removes unreferenced blobs. Harmless when it runs twice at a time: every run condemns and concludes for itself. */
export function createCollectBlobs(deps: ActivityDeps) {
  return async (): Promise<CollectedBytes> => {
    const { store, blobs, reach } = deps;
    const { media, condemned } = store;
    const collecting = { blobs, media, condemned, reach, now: () => new Date() };
    const removed = await withHeartbeat((signal) => collectBlobs(collecting, deps.garbage, signal));
    deps.metrics.garbageRemoved('blob', removed.count, removed.bytes);
    deps.logger.info({ ...removed }, 'removed unreferenced blobs');
    return removed;
  };
}

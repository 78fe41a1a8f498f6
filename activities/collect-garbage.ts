import { collectBlobs, collectParts, collectRecords } from '../src/garbage/collect.js';
import { probeStored } from '../src/probe/probe-stored.js';
import type {
  CollectedBytes,
  CollectRecordsResult,
  ProbeMediaInput,
  ProbedMedia,
} from '../src/temporal/activity-api.js';
import { withHeartbeat, type ActivityDeps } from './deps.js';

/** Removes unreferenced blobs. Harmless when it runs twice at a time: every run condemns and concludes for itself. */
export function createCollectBlobs(deps: ActivityDeps) {
  return async (): Promise<CollectedBytes> => {
    const { store, blobs } = deps;
    const { media, removalNotices } = store;
    const collecting = { blobs, media, removalNotices, now: () => new Date() };
    const removed = await withHeartbeat((signal) => collectBlobs(collecting, deps.garbage, signal));
    deps.metrics.garbageRemoved('blob', removed.count, removed.bytes);
    deps.logger.info({ ...removed }, 'removed unreferenced blobs');
    return removed;
  };
}

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

/** Probes stored bytes that no probe has read yet. Harmless when it runs twice at a time: the same bytes have the same facts. */
export function createProbeMedia(deps: ActivityDeps) {
  return async ({ after }: ProbeMediaInput): Promise<ProbedMedia> => {
    const probing = { media: deps.store.media, prober: deps.prober, now: () => Date.now() };
    const probed = await withHeartbeat((signal) => probeStored(probing, after, signal));
    if (probed.count > 0) deps.logger.info({ count: probed.count }, 'probed media that were not probed before');
    return probed;
  };
}

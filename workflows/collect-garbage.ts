import { patched, workflowInfo } from '@temporalio/workflow';
import type { CollectedRecords, ProbedMedia } from '../src/temporal/activity-api.js';
import type { CollectedGarbage } from '../src/temporal/names.js';
import { collectBlobs, collectParts, collectRecords, probeMedia } from './activity-options.js';

/**
 * Removes what is no longer needed: blobs that nothing refers to, parts of bodies that never arrived, and records past their
 * time. It also has stored media probed that no probe has read yet. The four run in parallel, so that an unavailable blob store
 * does not keep the database from being cleaned. It may run beside imports and beside another run of itself.
 */
export async function collectGarbage(): Promise<CollectedGarbage> {
  const [blobs, parts, records, probed] = await Promise.all([
    collectBlobs.executeWithOptions({ activityId: 'blobs' }, [{}]),
    collectParts.executeWithOptions({ activityId: 'parts' }, [{}]),
    collectAllRecords(),
    patched('probe-media') ? probeMoreMedia() : undefined,
  ]);
  return { blobs, parts, ...records, ...(probed && { probed }) };
}

/** One bounded call after the other: a worker that is killed repeats one of them, not all. */
async function collectAllRecords(): Promise<CollectedRecords> {
  let total: CollectedRecords = { batches: 0, items: 0, idempotencyKeys: 0 };
  for (let call = 1; ; call++) {
    const removed = await collectRecords.executeWithOptions({ activityId: `records-${call}` }, [{}]);
    total = {
      batches: total.batches + removed.batches,
      items: total.items + removed.items,
      idempotencyKeys: total.idempotencyKeys + removed.idempotencyKeys,
    };
    if (!removed.more) return total;
  }
}

/** Each collection continues where the one before it on the schedule has ended. */
function probeMoreMedia(): Promise<ProbedMedia> {
  const last = workflowInfo().lastResult as CollectedGarbage | undefined;
  return probeMedia.executeWithOptions({ activityId: 'media' }, [{ after: last?.probed?.next ?? '' }]);
}

import { KINDS, type Batch } from '../domain/import.js';
import type { WebhookBody } from '../domain/delivery.js';
import { webhookIdOf } from '../domain/ids.js';

/**
 * The published body of the webhook of a finished batch. Thin: counts, not items. Without a context the key is absent.
 * `type` and `timestamp` (ISO 8601, the end of the import) are what Standard Webhooks recommends for every message.
 * @throws when the batch has not finished.
 */
export function webhookBody(batch: Batch): WebhookBody {
  const { counts, state, finishedAt } = batch;
  if (counts === undefined || finishedAt === undefined || (state !== 'success' && state !== 'failed'))
    throw new Error('The batch has not finished');
  return {
    type: 'import.finished',
    timestamp: finishedAt.toISOString(),
    source: KINDS[batch.kind].webhookSource,
    id: batch._id,
    state,
    overview: { details: { total: counts.success + counts.skipped + counts.failed, ...counts } },
    ...(batch.context === undefined ? {} : { context: batch.context }),
  };
}

/**
 * The webhook message of the batch as it is now: a later end of the batch is another message, with a body of its own. The
 * message that is opened first stays, so every caller has to build the same one.
 * @throws when the batch has not finished
 */
export function webhookMessage(batch: Batch) {
  const generation = 1 + (batch.reopened ?? 0);
  return {
    _id: webhookIdOf(batch._id, generation),
    projectId: batch.projectId,
    batchId: batch._id,
    generation,
    body: JSON.stringify(webhookBody(batch)),
  };
}

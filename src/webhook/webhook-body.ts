import type { Batch } from '../contract/batch.js';
import type { WebhookBody } from '../contract/delivery.js';
import { KINDS } from '../contract/kinds.js';

/**
 * The published body of the webhook of a finished batch. Thin: counts, not items. Without a context the key is absent.
 * @throws when the batch has not finished.
 */
export function webhookBody(batch: Batch): WebhookBody {
  const { counts, state } = batch;
  if (counts === undefined || (state !== 'success' && state !== 'failed'))
    throw new Error('The batch has not finished');
  return {
    source: KINDS[batch.kind].webhookSource,
    id: batch._id,
    state,
    overview: { details: { total: counts.success + counts.skipped + counts.failed, ...counts } },
    ...(batch.context === undefined ? {} : { context: batch.context }),
  };
}

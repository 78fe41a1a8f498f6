import { sleep } from '@temporalio/workflow';
import type { DeliveryState } from '../src/domain/delivery.js';
import type { DeliverWebhookInput } from '../src/temporal/names.js';
import { attemptWebhook, on } from './activity-options.js';

/**
 * Delivers one webhook message: attempts, spread over about three days, until the receiver takes it, says that it is gone, or
 * the schedule ends. At least once: an attempt whose outcome a crash swallowed is repeated with the same webhook-id. It never
 * changes the batch.
 */
export async function deliverWebhook(input: DeliverWebhookInput): Promise<DeliveryState> {
  const { projectId, batchId, webhookId, redelivery } = input;
  let delayMs = input.delayMs;
  // Before 0.3.0 all activities were on one task queue.
  const isNew = input.attempt !== undefined;
  for (let attempt = input.attempt ?? 1; ; attempt++) {
    if (delayMs > 0) await sleep(delayMs);
    const activityId = `attempt-${attempt}`;
    const result = await attemptWebhook.executeWithOptions(
      { activityId, summary: `attempt ${attempt}`, ...(isNew && on('webhooks')) },
      [{ projectId, batchId, webhookId, attempt, ...(redelivery !== undefined && { redelivery }) }],
    );
    if (result.state !== 'pending') return result.state;
    delayMs = result.delayMs;
  }
}

import type { AttemptWebhookInput, WebhookAttemptResult } from '../src/temporal/activity-api.js';
import { sendWebhook } from '../src/webhook/send.js';
import { webhookBody } from '../src/webhook/body.js';
import type { ActivityDeps } from './deps.js';

/** Added to a pause so that deliveries which failed together do not come back together. */
const JITTER = 0.1;

/**
 * Tries to deliver a webhook message once and logs the attempt. The schedule is read here and not in the workflow, so that
 * changing it does not touch running workflows.
 */
export function createAttemptWebhook(deps: ActivityDeps) {
  return async (input: AttemptWebhookInput): Promise<WebhookAttemptResult> => {
    const { projectId, batchId, webhookId, attempt, redelivery = 0 } = input;
    const { batches, deliveries, projects } = deps.store;
    const [batch, delivery] = await Promise.all([
      batches.find(projectId, batchId),
      deliveries.open({ _id: webhookId, projectId, batchId }),
    ]);
    if (delivery.state !== 'pending') return { state: delivery.state, delayMs: 0 };
    // An operator has had it sent again: the attempts are those of another workflow now.
    if ((delivery.redeliveries ?? 0) !== redelivery) return { state: 'exhausted', delayMs: 0 };
    if (batch?.webhook === undefined) throw new Error('The batch of the delivery has no webhook');
    // Messages of earlier releases have no body of their own.
    const body = delivery.body ?? JSON.stringify(webhookBody(batch));

    const sent = await sendWebhook(deps.egress, {
      url: batch.webhook,
      webhookId,
      body,
      secrets: await projects.webhookSecrets(projectId),
      timeoutMs: deps.webhook.timeoutMs,
    });
    const pause = deps.webhook.scheduleMs[attempt];
    const exhausted = sent.state === 'pending' && pause === undefined;
    const state = exhausted ? 'exhausted' : sent.state;
    const delayMs = state === 'pending' ? Math.max(sent.retryAfterMs, (pause ?? 0) * (1 + Math.random() * JITTER)) : 0;
    const next = state === 'pending' ? new Date(Date.now() + delayMs) : null;
    await deliveries.record(webhookId, sent.attempt, state, next, input.isByImport === true ? 'import' : redelivery);
    deps.metrics.webhookAttempted(state);
    return { state, delayMs: Math.round(delayMs) };
  };
}

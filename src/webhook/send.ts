import { Webhook } from 'standardwebhooks';
import type { DeliveryAttempt } from '../domain/delivery.js';
import type { Egress, EgressResponse } from '../egress/egress.js';
import { ImportError } from '../domain/errors.js';
import { retryAfterMs } from '../download/http-headers.js';

export interface WebhookMessage {
  readonly url: string;
  /** The same on every attempt: the receiver's idempotency key (Standard Webhooks 1.0.0, "webhook-id"). */
  readonly webhookId: string;
  /** The JSON text that is signed and sent, the same at every attempt. */
  readonly body: string;
  /** `whsec_…`, newest first; the message is signed with each, so that a receiver may change over at its own pace. */
  readonly secrets: readonly string[];
  readonly timeoutMs: number;
}

export interface WebhookSent {
  /** 2xx is delivered, 410 disables (both Standard Webhooks), anything else is tried again. */
  readonly state: 'delivered' | 'disabled' | 'pending';
  readonly attempt: DeliveryAttempt;
  /** What the receiver asked for with Retry-After, 0 when nothing. */
  readonly retryAfterMs: number;
}

/** Signs and sends a message once (Standard Webhooks 1.0.0). Never throws for what the receiver does. */
export async function sendWebhook(egress: Egress, message: WebhookMessage): Promise<WebhookSent> {
  const at = new Date();
  const attempt = (facts: Pick<DeliveryAttempt, 'status' | 'error'>): DeliveryAttempt => {
    return { at, durationMs: Date.now() - at.getTime(), ...facts };
  };
  try {
    const { status, headers } = await post(egress, message, at);
    if (status >= 200 && status < 300) return { state: 'delivered', attempt: attempt({ status }), retryAfterMs: 0 };
    const error = status >= 300 && status < 400 ? 'redirect_refused' : 'http_error';
    return {
      state: status === 410 ? 'disabled' : 'pending',
      attempt: attempt({ status, error }),
      retryAfterMs: retryAfterMs(headers['retry-after']) ?? 0,
    };
  } catch (error) {
    if (!(error instanceof ImportError)) throw error;
    return { state: 'pending', attempt: attempt({ error: error.code }), retryAfterMs: 0 };
  }
}

async function post(egress: Egress, message: WebhookMessage, at: Date): Promise<EgressResponse> {
  const { body } = message;
  const signatures = message.secrets.map((secret) => new Webhook(secret).sign(message.webhookId, at, body));
  const deadline = AbortSignal.timeout(message.timeoutMs);
  try {
    const response = await egress.request({
      url: message.url,
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'user-agent': 'durable-import (webhook)',
        'webhook-id': message.webhookId,
        'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
        'webhook-signature': signatures.join(' '),
      },
      body,
      // A redirect is a failure: the signed body goes where the client said and nowhere else.
      maxRedirects: 0,
      headersTimeoutMs: message.timeoutMs,
      idleTimeoutMs: message.timeoutMs,
      signal: deadline,
    });
    // The status says it all; reading on would let a receiver hold the connection.
    response.body.on('error', () => undefined);
    response.body.destroy();
    return response;
  } catch (error) {
    if (deadline.aborted) throw new ImportError('timeout', 'The receiver did not answer in time', {}, { cause: error });
    throw error;
  }
}

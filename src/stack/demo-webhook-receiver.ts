import { createServer, type IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { Webhook } from 'standardwebhooks';
import { listenOnLoopback, type LoopbackServer } from './loopback-server.js';

/** A delivery; `body` is null when the signature was not good. */
interface ReceivedWebhook {
  readonly webhookId: string;
  readonly body: Readonly<Record<string, unknown>> | null;
}

export interface WebhookReceiver extends LoopbackServer {
  /** Deliveries are checked against this secret; those that come before it is known are asked to come again. */
  useSecret(secret: string): void;
  /**
   * The delivery for that import.
   * @throws Error when none has come in time
   */
  receive(importId: string, withinMs: number): Promise<ReceivedWebhook>;
}

/** The system of the client that is told, for the demo: verifies as the standardwebhooks library does. */
export async function startWebhookReceiver(): Promise<WebhookReceiver> {
  const received = new Map<string, ReceivedWebhook>();
  const waiting = new Map<string, (webhook: ReceivedWebhook) => void>();
  let secret: string | undefined;

  const take = async (request: IncomingMessage): Promise<number> => {
    const raw = (await buffer(request)).toString('utf8');
    if (secret === undefined) return 503;
    const { id } = JSON.parse(raw) as { id: string };
    const webhook = { webhookId: String(request.headers['webhook-id']), body: verified(raw, request, secret) };
    received.set(id, webhook);
    waiting.get(id)?.(webhook);
    return webhook.body === null ? 401 : 204;
  };
  const server = await listenOnLoopback(
    createServer((request, response) => {
      take(request).then(
        (status) => response.writeHead(status).end(),
        () => response.writeHead(400).end(),
      );
    }),
  );
  return {
    ...server,
    useSecret(given) {
      secret = given;
    },
    receive(importId, withinMs) {
      const known = received.get(importId);
      if (known !== undefined) return Promise.resolve(known);
      return new Promise((resolve, reject) => {
        const limit = setTimeout(() => {
          reject(new Error(`No webhook for import ${importId} within ${withinMs / 1000} s`));
        }, withinMs);
        waiting.set(importId, (webhook) => {
          clearTimeout(limit);
          resolve(webhook);
        });
      });
    },
  };
}

function verified(raw: string, { headers }: IncomingMessage, secret: string): Record<string, unknown> | null {
  const flat = Object.entries(headers).map(([name, value]) => [name, String(value)] as const);
  try {
    return new Webhook(secret).verify(raw, Object.fromEntries(flat)) as Record<string, unknown>;
  } catch {
    return null;
  }
}

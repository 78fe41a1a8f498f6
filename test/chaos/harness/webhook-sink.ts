import { createServer } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { Webhook } from 'standardwebhooks';
import { z } from 'zod';
import { listenOnLoopback } from '../../../src/local-stack/ports.js';
import type { Random } from './random.js';

export interface ReceivedWebhook {
  readonly importId: string;
  readonly webhookId: string;
  /** Signature and time were right when it came (Standard Webhooks 1.0.0). */
  readonly isSigned: boolean;
  readonly body: unknown;
}

export interface WebhookSink {
  readonly port: number;
  readonly received: readonly ReceivedWebhook[];
  /** What deliveries are verified with; set before the first one is expected. */
  verifyWith(secret: string): void;
  close(): Promise<void>;
}

const Body = z.object({ id: z.string() });

/** The system of a client that is not always well: some deliveries are answered 503, or not at all. */
export async function startWebhookSink(random: Random): Promise<WebhookSink> {
  const received: ReceivedWebhook[] = [];
  let secret = '';
  const verified = (raw: string, headers: Record<string, string>): boolean => {
    try {
      new Webhook(secret).verify(raw, headers);
      return true;
    } catch {
      return false;
    }
  };
  const server = createServer((request, response) => {
    const take = async (): Promise<void> => {
      const raw = (await buffer(request)).toString('utf8');
      const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
      const body: unknown = JSON.parse(raw);
      const webhookId = headers['webhook-id'] ?? '';
      received.push({ importId: Body.parse(body).id, webhookId, isSigned: verified(raw, headers), body });
      if (random.chance(0.1)) response.writeHead(503).end();
      else if (random.chance(0.05)) response.socket?.resetAndDestroy();
      else response.writeHead(204).end();
    };
    take().catch(() => response.destroy());
  });
  const listening = await listenOnLoopback(server);
  return {
    port: listening.port,
    received,
    verifyWith(known) {
      secret = known;
    },
    close: () => listening.close(),
  };
}

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { Webhook } from 'standardwebhooks';
import { eventually } from '../support/eventually.js';

interface ReceivedDelivery {
  readonly headers: Record<string, string>;
  readonly raw: string;
  /** What it was answered with. */
  readonly status: number;
}

export interface WebhookReceiver {
  readonly url: string;
  readonly port: number;
  readonly deliveries: readonly ReceivedDelivery[];
  /** What it answers from now on; 204 at first. */
  answerWith(status: number): void;
  /** Waits for the first delivery about an import and answers its body as the standardwebhooks library verified it. */
  verified(importId: string, secret: string): Promise<unknown>;
  close(): Promise<void>;
}

/** The system of a client: takes every delivery with 204, unless it is told otherwise. */
export async function startWebhookReceiver(): Promise<WebhookReceiver> {
  const deliveries: ReceivedDelivery[] = [];
  let status = 204;
  const server = createServer((request, response) => {
    void buffer(request).then((body) => {
      const headers = Object.entries(request.headers).map(([name, value]) => [name, String(value)] as const);
      deliveries.push({ headers: Object.fromEntries(headers), raw: body.toString('utf8'), status });
      response.writeHead(status).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/webhook`,
    port,
    deliveries,
    answerWith: (next) => {
      status = next;
    },
    async verified(importId, secret) {
      const { raw, headers } = await eventually(`a webhook for ${importId}`, () =>
        deliveries.find((delivery) => delivery.raw.includes(`"${importId}"`)),
      );
      return new Webhook(secret).verify(raw, headers);
    },
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

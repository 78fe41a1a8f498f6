import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer, type ServerResponse, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { lookup } from 'mime-types';
import { Webhook } from 'standardwebhooks';
import { listenOnLoopback, type LoopbackServer } from '../../local-stack/ports.js';
import { packageRoot } from '../../local-stack/tools.js';

/** Where the sample media of this repository lie. */
function samplesFolder(): string {
  return join(packageRoot(), 'samples');
}

/** How often `/flaky/…` answers 503 before it gives the file. */
const FLAKY_FAILURES = 2;

/**
 * A third party's web server, for the demo: `/<sample>` serves a sample file, `/flaky/<sample>` does so after two answers of
 * 503, everything else is 404.
 */
export function startDemoOrigin(): Promise<LoopbackServer> {
  const failures = new Map<string, number>();
  return listenOnLoopback(
    createServer((request, response) => {
      const path = request.url ?? '/';
      const [, flaky, name] = /^\/(flaky\/)?([a-z0-9-]+\.[a-z0-9]+)$/.exec(path) ?? [];
      const failed = failures.get(path) ?? 0;
      if (name === undefined) answer(response, 404);
      else if (flaky !== undefined && failed < FLAKY_FAILURES) {
        failures.set(path, failed + 1);
        answer(response, 503);
      } else void sendSample(name, response);
    }),
  );
}

async function sendSample(name: string, response: ServerResponse): Promise<void> {
  const file = join(samplesFolder(), name);
  const found = await stat(file).catch(() => null);
  if (found === null) {
    answer(response, 404);
    return;
  }
  const type = lookup(name);
  response.writeHead(200, {
    'content-length': found.size,
    'content-type': type === false ? 'application/octet-stream' : type,
  });
  createReadStream(file).pipe(response);
}

function answer(response: ServerResponse, status: number): void {
  response.writeHead(status, { 'content-type': 'text/plain' });
  response.end();
}

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

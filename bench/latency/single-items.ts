import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { importWorkflowId } from '../../src/temporal/names.js';
import { DEFAULT_PROJECT } from '../../src/local-stack/project.js';
import type { BenchClient } from '../contenders/bench-client.js';
import { msUntilEnd, postRun, untilFinished } from '../contenders/service-load.js';
import { median } from '../measure/quantile.js';

/** Small imports on an idle stack, one after the other. All in milliseconds since the request of the POST was sent. */
export interface SingleItems {
  /** Until the answer to the POST. */
  readonly posted: number[];
  /** Until the import has ended. */
  readonly finished: number[];
  /** Until its webhook is received. */
  readonly told: number[];
  /** Median of each step of the workflow since the POST, in order. */
  readonly steps: readonly (readonly [step: string, ms: number])[];
}

const PAUSE_MS = 100;
const WITHIN_MS = 60_000;

/**
 * Posts so many imports of one item, the next one when the one before has been told.
 * @param receiver where webhooks may be sent to
 */
export async function singleItems(
  client: BenchClient,
  origin: string,
  { imports, temporal, receiver }: { imports: number; temporal: string; receiver: WebhookClock },
): Promise<SingleItems> {
  const result = { posted: [] as number[], finished: [] as number[], told: [] as number[] };
  const stepsOf = new Map<string, number[]>();
  const connection = await Connection.connect({ address: temporal });
  try {
    const workflows = new Client({ connection }).workflow;
    for (let number = 1; number <= imports; number += 1) {
      const startedAt = Date.now();
      const run = { name: `single-${number}`, items: 1, bytes: 4_096 };
      const { importIds } = await postRun(client, origin, run, { webhook: receiver.url });
      const [id = ''] = importIds;
      result.posted.push(Date.now() - startedAt);
      const toldAt = await receiver.told(id);
      result.told.push(toldAt - startedAt);
      result.finished.push(msUntilEnd(startedAt, await untilFinished(client, id, PAUSE_MS, WITHIN_MS)));
      const { events } = await workflows.getHandle(importWorkflowId(DEFAULT_PROJECT, id)).fetchHistory();
      for (const event of events ?? []) {
        const at = Number(event.eventTime?.seconds ?? 0) * 1_000 + (event.eventTime?.nanos ?? 0) / 1e6;
        const kind = Object.keys(event).find((key) => key.endsWith('EventAttributes')) ?? '';
        const name = `${String(event.eventId)} ${kind.replace('EventAttributes', '')}`;
        stepsOf.set(name, [...(stepsOf.get(name) ?? []), at - startedAt]);
      }
      await delay(PAUSE_MS);
    }
  } finally {
    await connection.close();
  }
  return { ...result, steps: [...stepsOf].map(([step, ms]) => [step, median(ms)]) };
}

/** A receiver of webhooks that remembers when each came. */
export interface WebhookClock {
  readonly url: string;
  readonly origin: string;
  /** When the webhook of an import came, by this machine's clock; waits for it. */
  told(importId: string): Promise<number>;
  close(): void;
}

export async function startWebhookClock(): Promise<WebhookClock> {
  const cameAt = new Map<string, number>();
  const waiting = new Map<string, (at: number) => void>();
  const server: Server = createServer((request, response) => {
    const at = Date.now();
    let text = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    request.on('end', () => {
      response.writeHead(204).end();
      const { id } = JSON.parse(text) as { id: string };
      cameAt.set(id, at);
      waiting.get(id)?.(at);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    origin,
    url: `${origin}/done`,
    told: (importId) =>
      new Promise((resolve) => {
        const at = cameAt.get(importId);
        if (at !== undefined) resolve(at);
        else waiting.set(importId, resolve);
      }),
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

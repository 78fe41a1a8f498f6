import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import { DEFAULT_PROJECT } from '../src/local-stack/project.js';
import { importWorkflowId } from '../src/temporal/names.js';
import {
  count,
  describeMachine,
  markdownTable,
  measuredOn,
  median,
  publish,
  PUBLICATION_OPTIONS,
  quantile,
  timingCells,
} from './figures.js';
import { listUnderLoad, smallBesideLarge, statusUnderLoad } from './latency-under-load.js';
import {
  type BenchClient,
  createBenchClient,
  importThroughService,
  msUntilEnd,
  postRun,
  untilFinished,
} from './stack/import-client.js';
import { type Bench, withBench } from './stack/with-bench.js';

/** A line of the table: what was timed, each time in milliseconds, and the target for the p95. */
type Row = readonly [what: string, ms: readonly number[], target: number];

/** How long the API takes to answer, and a small import to end: on an idle stack, and while large imports run. */
export async function latency(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      items: { type: 'string', default: '10000' },
      large: { type: 'string', default: '100000' },
      pollers: { type: 'string', default: '20' },
      'poll-ms': { type: 'string', default: '500' },
      posts: { type: 'string', default: '20' },
      tries: { type: 'string', default: '20' },
      pages: { type: 'string', default: '300' },
      'warm-up': { type: 'string', default: '3000' },
      singles: { type: 'string', default: '100' },
      'only-singles': { type: 'boolean', default: false },
      ...PUBLICATION_OPTIONS,
    },
  });
  const receiver = await startWebhookClock();
  const items = Number(values.items);
  const largeItems = Number(values.large);
  const work = async (bench: Bench): Promise<void> => {
    const client = createBenchClient(bench);
    const { origin } = bench.origin;
    const warmUp = { name: 'warm-up', items: Number(values['warm-up']), bytes: 16_384 };
    await importThroughService({ api: bench.api, token: bench.token, origin, run: warmUp });
    const imports = Number(values.singles);
    const single = await singleItems(client, origin, { imports, temporal: bench.temporal, receiver });
    bench.report('The steps of one item, median milliseconds since its POST was sent:');
    for (const [step, ms] of single.steps) bench.report(`  ${ms.toFixed(1).padStart(7)}  ${step}`);
    const singleRows: Row[] = [
      ['1 item from POST to its answer, nothing else runs', single.posted, 30],
      ['1 item from POST to end, nothing else runs', single.finished, 120],
      ['1 item from POST to webhook, nothing else runs', single.told, 180],
    ];
    if (values['only-singles']) {
      for (const [what, ms] of singleRows) bench.report(`${what}: ${timingCells(ms).join(' / ')}`);
      return;
    }
    const pollers = { pollers: Number(values.pollers), pollMs: Number(values['poll-ms']), posts: Number(values.posts) };
    const status = await statusUnderLoad(client, origin, { items, ...pollers });
    bench.report(`Status, import and POST measured while ${count(items)} items ran`);
    const small = await smallBesideLarge(client, origin, { largeItems, tries: Number(values.tries) });
    bench.report(`Small imports measured beside ${count(largeItems)} items (${small.posted})`);
    const list = await listUnderLoad(client, origin, {
      busyItems: items,
      id: small.largeId,
      pages: Number(values.pages),
    });

    const rows: Row[] = [
      ...singleRows,
      [`GET status, ${values.pollers} pollers, ${count(items)} items run`, status.status, 50],
      [`GET /imports/:id, ${values.pollers} pollers, ${count(items)} items run`, status.show, 50],
      [`POST of 1,000 items, ${count(items)} items run`, status.post, 300],
      [`GET /imports/:id/items of ${count(largeItems)} (${small.posted}), ${count(items)} items run`, list ?? [], 50],
      [`10 items from POST to end, ${count(largeItems)} items run`, small.ms, 1_000],
    ];
    const skipped = list === null ? '\n\n- Skipped: the list of items, because this service has no such route.' : '';
    const machine = await describeMachine();
    const where = `${measuredOn(machine, `database: ${bench.databaseKind}`)}.`;
    const text = `${where}

${latencyTable(rows)}${skipped}`;
    const result = { machine, database: bench.databaseKind, options: values, single, status, small, list };
    await publish({ name: 'latency', text, result, json: values.json, writeReadme: values['write-readme'] });
  };
  try {
    await withBench(work, { alsoAllow: receiver.origin });
  } finally {
    receiver.close();
  }
}

function latencyTable(rows: readonly Row[]): string {
  return markdownTable(
    ['Milliseconds', 'Number', 'p50', 'p95', 'Most', 'Target p95', 'Met'],
    rows.map(([what, ms, target]) => {
      const met = ms.length === 0 ? '–' : quantile(ms, 0.95) <= target ? 'yes' : 'no';
      return [what, ...timingCells(ms), `≤ ${target}`, met];
    }),
  );
}

/** Small imports on an idle stack, one after the other. All in milliseconds since the request of the POST was sent. */
interface SingleItems {
  /** Until the answer to the POST. */
  readonly posted: number[];
  /** Until the import has ended. */
  readonly finished: number[];
  /** Until its webhook is received. */
  readonly told: number[];
  /** Median of each step of the workflow since the POST, in order. */
  readonly steps: readonly (readonly [step: string, ms: number])[];
}

/** Between two imports, and between two polls: the stack is to be idle when an import begins. */
const PAUSE_MS = 100;
/** One item takes a fraction of a second; this ends a hang. */
const WITHIN_MS = 60_000;

/**
 * Posts so many imports of one item, each when the webhook of the one before has come.
 * @param receiver where webhooks may be sent to
 */
async function singleItems(
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
interface WebhookClock {
  readonly url: string;
  readonly origin: string;
  /** When the webhook of an import came, by this machine's clock; waits for it. */
  told(importId: string): Promise<number>;
  close(): void;
}

async function startWebhookClock(): Promise<WebhookClock> {
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

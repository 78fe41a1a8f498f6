import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import { MongoClient } from 'mongodb';
import { Refused, Unreachable, type StatusDocument } from '../../src/cli/api-client.js';
import { waitForImport } from '../../src/cli/status.js';
import { importWorkflowId } from '../../src/temporal/names.js';
import { readRunFile, type RunFile } from '../../src/local-stack/files.js';
import { eventually } from '../support/eventually.js';
import { answers, startOrigin, type Origin } from '../servers/origin-server.js';
import { alive, runBuiltCli, startStack, type RunningStack } from '../support/running-stack.js';
import { startWebhookReceiver, type WebhookReceiver } from '../servers/webhook-receiver.js';

/** Above SWEEP_ABOVE, so that pages are swept; single items take over where a page cannot go on. */
const ITEMS = 300;
/** So many are served before the source makes the rest wait: the middle of the batch, however fast the machine. */
const SERVED_FIRST = 100;
/** A restart on a machine that does other things as well. */
jest.setTimeout(300_000);

let origin: Origin;
let receiver: WebhookReceiver;
let stack: RunningStack;
let batches = 0;

beforeAll(async () => {
  [origin, receiver] = await Promise.all([startOrigin(), startWebhookReceiver()]);
  const allowed = [origin.port, receiver.port].map((port) => `127.0.0.1/32:${port}`);
  stack = await startStack({ EGRESS_ALLOW: allowed.join(',') });
});
afterAll(async () => {
  await stack.clear();
  await Promise.all([origin.close(), receiver.close()]);
});

interface Batch {
  readonly body: { systemName: string; webhook: string; files: { url: string; id: string }[] };
  /** Resolves when the first items were served and the next ones wait. */
  untilMidway(): Promise<void>;
  /** Lets the source answer everything. */
  goOn(): void;
}

/** A batch of small files, each with content of its own, from a source that stops half-way until it is told to go on. */
function aBatch({ items = ITEMS, stops = false } = {}): Batch {
  batches += 1;
  const systemName = `system-${batches}`;
  const waiting: (() => void)[] = [];
  let left = stops ? SERVED_FIRST : Infinity;
  const files = Array.from({ length: items }, (_, index) => {
    const path = `/${systemName}/${index}.txt`;
    const file = answers.file(Buffer.from(`${systemName} ${index}`), { type: 'text/plain' });
    origin.route(path, (request, response) => {
      left -= 1;
      if (left >= 0) file(request, response);
      else
        waiting.push(() => {
          file(request, response);
        });
    });
    return { url: `${origin.url}${path}`, id: `item-${index}`, fileName: `${index}.txt`, metadata: {} };
  });
  return {
    body: { systemName, webhook: receiver.url, files },
    untilMidway: async () => {
      await eventually('a source that keeps a request waiting', () => waiting.length > 0);
    },
    goOn() {
      left = Infinity;
      for (const answer of waiting.splice(0)) answer();
    },
  };
}

async function submit({ body }: Batch): Promise<string> {
  return (await stack.client()).submit('files', body);
}

async function finished(id: string): Promise<StatusDocument> {
  return waitForImport({ client: await stack.client(), plural: 'files', id, pollMs: 200 });
}

/** Every item of the batch succeeded, once, and has one media record whose content is its own. */
async function expectAllImportedOnce(status: StatusDocument, { body }: Batch) {
  const { systemName, files } = body;
  const entries = (status as unknown as { files: { state: string; externalId: string; mediaId: string }[] }).files;
  expect(status).toMatchObject({ finished: true, state: 'success' });
  expect(entries.map(({ state, externalId }) => `${externalId} ${state}`)).toEqual(
    files.map(({ id }) => `${id} success`),
  );
  expect(new Set(entries.map(({ mediaId }) => mediaId)).size).toBe(files.length);
  const mongo = await new MongoClient((await stack.run()).mongodb).connect();
  try {
    const media = mongo.db('durable_import').collection('media');
    expect(await media.countDocuments({ systemName })).toBe(files.length);
    expect(await media.distinct('asset.sha256', { systemName })).toHaveLength(files.length);
  } finally {
    await mongo.close();
  }
}

/** Kills one process of the stack and waits until another has taken its place. */
async function killAndReplace(name: keyof RunFile['pids']): Promise<void> {
  const { pids } = await stack.run();
  process.kill(pids[name] ?? 0, 'SIGKILL');
  await eventually(`a new ${name}`, async () => (await stack.run()).pids[name] !== pids[name]);
}

describe('a stack', () => {
  it('settles every item once when its worker is killed in the middle of a batch, and tells the client', async () => {
    const batch = aBatch({ stops: true });
    const id = await submit(batch);
    await batch.untilMidway();

    await killAndReplace('worker');
    batch.goOn();

    await expectAllImportedOnce(await finished(id), batch);
    const { webhookSecret } = await stack.run();
    await expect(receiver.verified(id, webhookSecret)).resolves.toMatchObject({
      id,
      state: 'success',
      overview: { details: { total: ITEMS, success: ITEMS, skipped: 0, failed: 0 } },
    });
  });

  it('finishes a batch whose gateway is killed as soon as it has answered the POST', async () => {
    const batch = aBatch({ items: 30 });
    const id = await submit(batch);

    await killAndReplace('gateway');

    await expectAllImportedOnce(await finished(id), batch);
  });

  it('takes a POST again that was cut off by the death of its gateway', async () => {
    const batch = aBatch({ items: 250 });
    const cutOff = submit(batch).catch((error: unknown) => error);
    const { pids } = await stack.run();
    process.kill(pids.gateway ?? 0, 'SIGKILL');
    const firstAnswer = await cutOff;

    const id = await eventually('an answer', () =>
      submit(batch).catch((error: unknown) => {
        if (error instanceof Unreachable || (error instanceof Refused && error.status >= 500)) return null;
        throw error;
      }),
    );

    // The first one may have been accepted before the gateway died; then one of the two finds everything there already.
    const status = (await finished(id)) as unknown as { state: string; files: { state: string }[] };
    expect(status.state).toBe('success');
    expect(status.files.filter(({ state }) => state !== 'success' && state !== 'skipped')).toEqual([]);
    if (typeof firstAnswer === 'string') await finished(firstAnswer);
  });

  it('loses nothing when MongoDB is killed in the middle of a batch', async () => {
    const batch = aBatch({ stops: true });
    const id = await submit(batch);
    await batch.untilMidway();

    await killAndReplace('mongodb');
    batch.goOn();

    await expectAllImportedOnce(await finished(id), batch);
  });

  it('goes on with a batch when the Temporal server is killed in the middle of it', async () => {
    const batch = aBatch({ stops: true });
    const id = await submit(batch);
    await batch.untilMidway();

    await killAndReplace('temporal');
    batch.goOn();

    await expectAllImportedOnce(await finished(id), batch);
  });

  it('says failed for an import whose workflow was terminated', async () => {
    const batch = aBatch({ stops: true });
    const id = await submit(batch);
    const { temporal } = await stack.run();
    const connection = await Connection.connect({ address: temporal });
    try {
      await new Client({ connection }).workflow.getHandle(importWorkflowId('default', id)).terminate('test');
    } finally {
      await connection.close();
    }

    await expect(finished(id)).resolves.toEqual({ finished: true, state: 'failed', id });
  });

  it('tells the status of a finished import while no worker runs', async () => {
    const batch = aBatch({ items: 5 });
    const id = await submit(batch);
    await finished(id);
    const { pids } = await stack.run();
    process.kill(pids.worker ?? 0, 'SIGSTOP');

    try {
      await expectAllImportedOnce(await (await stack.client()).status('files', id), batch);
    } finally {
      process.kill(pids.worker ?? 0, 'SIGCONT');
    }
  });

  it('refuses a second start on its folder and names the process that holds it', async () => {
    const second = await runBuiltCli(['start'], stack.env);

    expect(second.code).toBe(1);
    expect(second.stderr).toContain(`as process ${stack.pid}`);
    expect(await alive([stack.pid])).toEqual([stack.pid]);
  });

  it('goes on with a batch after everything was killed at once and started again', async () => {
    const batch = aBatch({ stops: true });
    const id = await submit(batch);
    await batch.untilMidway();
    const { pids } = await stack.run();

    const gone = stack.end('SIGKILL');
    for (const pid of Object.values(pids)) if (pid !== null) process.kill(pid, 'SIGKILL');
    await gone;
    await stack.start();
    batch.goOn();

    await expectAllImportedOnce(await finished(id), batch);
  });

  it('takes its folder over from a start that was killed alone', async () => {
    const batch = aBatch({ stops: true });
    const id = await submit(batch);
    await batch.untilMidway();
    const before = await stack.run();

    await stack.end('SIGKILL');
    await eventually(
      'an end of gateway and worker',
      async () => (await alive([before.pids.gateway, before.pids.worker])).length === 0,
    );
    expect(await readRunFile(stack.dataDir)).toEqual(before);
    const after = await stack.start();
    batch.goOn();

    expect(stack.output()).toContain(`left behind (process ${String(before.pids.mongodb)})`);
    expect(await alive(Object.values(before.pids))).toEqual([]);
    expect(after).toMatchObject({ api: before.api, token: before.token, webhookSecret: before.webhookSecret });
    await expectAllImportedOnce(await finished(id), batch);
  });

  it('leaves no process and no run.json after Ctrl-C', async () => {
    const { pids } = await stack.run();

    expect(await stack.end('SIGINT')).toBe(0);

    expect(await alive(Object.values(pids))).toEqual([]);
    expect(await readRunFile(stack.dataDir)).toBeNull();
  });
});

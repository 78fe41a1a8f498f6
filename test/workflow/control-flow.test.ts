import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { createImportControls } from '../../src/intake/control.js';
import { runWorkers } from '../../src/process/task-queues.js';
import { createStore, type OpenedStore } from '../../src/store/open-store.js';
import { createTemporalWorkflows } from '../../src/temporal/client.js';
import { importWorkflowId } from '../../src/temporal/names.js';
import { eventually } from '../support/eventually.js';
import { aFlowRig, GOOD, type FlowRig } from '../support/flow-rig.js';
import { connectTestTemporal, type TestTemporal } from '../servers/temporal.js';

/* Retries of imports as a gateway asks for them, with a worker, a database, sources and a receiver behind it. */

const KEY = 'a key of the tests that has 32 bytes or more';
const SECRET = 'Bearer canary-of-a-header';

let temporal: TestTemporal;
let rig: FlowRig;
let store: OpenedStore;
beforeAll(async () => {
  temporal = await connectTestTemporal();
});
afterAll(() => temporal.close());
beforeEach(async () => {
  rig = await aFlowRig(temporal, { headersKey: KEY });
  store = await createStore({ ...rig.world.mongo, headersKey: KEY });
});
afterEach(async () => {
  await store.close();
  await rig.close();
});

const controls = () => {
  const workflows = createTemporalWorkflows({ client: temporal.client, taskQueue: rig.taskQueue });
  return createImportControls({ store, workflows, logger: pino({ level: 'silent' }) });
};
const whileWorking = (body: () => Promise<void>): Promise<void> => runWorkers(rig.workers, body);
const all = { selector: {}, changes: [] };

describe('an import that is retried after its end', () => {
  it('is started again by a linked run, and its second end is a second message', async () => {
    let isBroken = true;
    rig.serve('flaky.example.com', (request, response) => {
      if (isBroken) response.writeHead(404).end();
      else GOOD(request, response);
    });
    await whileWorking(async () => {
      const urls = [1, 2, 3].map((name) => rig.urlOf('flaky.example.com', `${name}`));
      const posted = await rig.post([...urls, rig.urlOf('well.example.com', 'a')], { webhook: rig.receiver.url });
      await posted.finished();
      const batch = await store.batches.find(posted.batch.projectId, posted.batch._id);
      if (batch === null) throw new Error('The import is gone');
      const handle = temporal.client.workflow.getHandle(importWorkflowId(batch.projectId, batch._id));
      await eventually('an end of the run', async () => (await handle.describe()).status.name === 'COMPLETED');
      const first = await handle.describe();

      isBroken = false;
      expect(await controls().retry(batch, { ...all, actionId: 'action-1' })).toEqual({ number: 1, matched: 3 });
      await eventually('all imported', async () => (await posted.count('success')) === 4);
      await posted.finished();
      // The same request once more.
      expect(await controls().retry(batch, { ...all, actionId: 'action-1' })).toEqual({ number: 1, matched: 3 });

      const second = await handle.describe();
      expect(second.runId).not.toBe(first.runId);
      expect(second.memo).toEqual({ retry: 1, retryOf: first.runId });
      await eventually('a second message', () => rig.receiver.deliveries.length === 2);
      expect(new Set(rig.receiver.deliveries.map(({ headers }) => headers['webhook-id'])).size).toBe(2);
      expect(await store.batches.find(batch.projectId, batch._id)).toMatchObject({
        ...{ state: 'success', reopened: 1, counts: { success: 4, failed: 0 } },
      });
    });
  });

  it('asks a new URL with headers of its own, which no other origin and no history sees', async () => {
    const seen = new Map<string, string | undefined>();
    rig.serve('private.example.com', (request, response) => {
      seen.set('private', request.headers.authorization);
      response.writeHead(302, { Location: rig.urlOf('other.example.com', 'file') }).end();
    });
    rig.serve('other.example.com', (request, response) => {
      seen.set('other', request.headers.authorization);
      GOOD(request, response);
    });
    rig.serve('gone.example.com', (_request, response) => response.writeHead(410).end());
    await whileWorking(async () => {
      const posted = await rig.post([rig.urlOf('gone.example.com', 'x'), rig.urlOf('gone.example.com', 'y')]);
      await posted.finished();
      const batch = await store.batches.find(posted.batch.projectId, posted.batch._id);
      if (batch === null) throw new Error('The import is gone');
      const source = { url: rig.urlOf('private.example.com', 'x?token=canary-url'), host: 'private.example.com' };

      const change = { seq: 0, source, headers: { authorization: SECRET } };
      await controls().retry(batch, { selector: { seqs: [0] }, changes: [change], actionId: 'a' });
      await eventually('an import of it', async () => (await posted.count('success')) === 1);

      expect(Object.fromEntries(seen)).toEqual({ private: SECRET, other: undefined });
      expect(await posted.count('failed', 'gone.example.com')).toBe(1);
      const item = await store.items.find(batch._id, 0);
      expect(item).toMatchObject({ host: 'private.example.com', state: 'success', attempts: 2, attemptsBefore: 1 });
      expect(item).not.toHaveProperty('headers');
      const handle = temporal.client.workflow.getHandle(importWorkflowId(batch.projectId, batch._id));
      const decoded = JSON.stringify(await handle.fetchHistory(), (_key, value: unknown) =>
        value instanceof Uint8Array ? Buffer.from(value).toString() : value,
      );
      expect(decoded).not.toContain('canary');
    });
  });
});

describe('an import that is steered while it runs', () => {
  it('is paused, is shown as paused, and is cancelled as it is', async () => {
    rig.serve('slow.example.com', () => undefined);
    await whileWorking(async () => {
      const posted = await rig.post(Array.from({ length: 3 }, (_, n) => rig.urlOf('slow.example.com', `${n}`)));
      const { projectId, _id } = posted.batch;
      const current = async () => (await store.batches.find(projectId, _id)) ?? posted.batch;
      await store.batches.markStarted(_id, new Date());

      expect(await controls().setPaused(await current(), true)).toBe(true);
      expect((await current()).pausedAt).toBeInstanceOf(Date);
      expect(await controls().setPaused(await current(), true)).toBe(false);
      expect(await controls().cancel(await current())).toBe(true);
      await posted.finished();

      expect(await controls().cancel(await current())).toBe(false);
      expect(await current()).toMatchObject({ state: 'failed', failure: 'cancelled', counts: { failed: 3 } });
      expect(await current()).not.toHaveProperty('pausedAt');
      await expect(controls().setPaused(await current(), false)).rejects.toMatchObject({ status: 409 });
    });
  });
});

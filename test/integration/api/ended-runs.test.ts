import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import type { Batch } from '../../../src/domain/import.js';
import type { WebhookBody } from '../../../src/domain/delivery.js';
import type { Fetched } from '../../../src/download/source.js';
import { importWorkflowId } from '../../../src/temporal/names.js';
import { parseAllowList } from '../../../src/egress/addresses.js';
import { createEgress } from '../../../src/egress/create-egress.js';
import { createTemporalWorkflows, type ImportWorkflows } from '../../../src/temporal/client.js';
import { createReadStatus } from '../../../src/intake/read-status.js';
import { createReconciler, type Reconciler } from '../../../src/intake/reconcile.js';
import { aFetch, anActivityBench, type ActivityBench } from '../../support/activity-bench.js';
import { itemSpecs } from '../../support/builders.js';
import { eventually } from '../../support/eventually.js';
import { fakeActivities } from '../../support/fake-activities.js';
import { resetWorkflow } from '../../support/reset-workflow.js';
import { aTaskQueue, connectTestTemporal, type TestTemporal } from '../../servers/temporal.js';
import { startWebhookReceiver, type WebhookReceiver } from '../../servers/webhook-receiver.js';
import { withWorkflowWorker } from '../../support/workflow-worker.js';

const logger = pino({ level: 'silent' });
/** An import is looked at once a minute. */
const A_MINUTE_ON = () => new Date(Date.now() + 61_000);

let temporal: TestTemporal;
let receiver: WebhookReceiver;
let bench: ActivityBench;
/** What the source answers once it is released; until then every fetch waits. */
let release: (fetched: Fetched) => void;

beforeAll(async () => {
  [temporal, receiver] = await Promise.all([connectTestTemporal(), startWebhookReceiver()]);
});
beforeEach(async () => {
  const held = new Promise<Fetched>((resolve) => (release = resolve));
  const allow = parseAllowList(`127.0.0.1/32:${receiver.port}`);
  const egress = createEgress({ allow, connectTimeoutMs: 5_000, hostMaxConnections: 8 });
  bench = await anActivityBench(() => held, { egress });
});
afterEach(async () => {
  release(aFetch());
  await bench.close();
});
afterAll(() => Promise.all([temporal.close(), receiver.close()]));

const refOf = ({ projectId, _id: batchId }: Batch) => ({ projectId, batchId });
const stored = async ({ projectId, _id }: Batch) => {
  const batch = await bench.store.batches.find(projectId, _id);
  if (batch === null) throw new Error('The batch is gone');
  return batch;
};
const aReconciler = (workflows: ImportWorkflows): Reconciler =>
  createReconciler({ store: bench.store, workflows, logger, now: A_MINUTE_ON });
const handleOf = ({ projectId, _id }: Batch) => temporal.client.workflow.getHandle(importWorkflowId(projectId, _id));

/** An import of three items that is never processed: no worker polls its queue. */
async function anIdleImport(changes: Partial<Batch> = {}, taskQueue = aTaskQueue()) {
  const workflows = createTemporalWorkflows({ client: temporal.client, taskQueue });
  const batch = await bench.batch({ webhook: receiver.url, ...changes }, itemSpecs(3));
  await workflows.start({ ...refOf(batch), kind: batch.kind, itemCount: 3 }, 3);
  return { batch, workflows, taskQueue };
}

/** Ends the run of an import from outside. */
const ENDINGS = {
  terminated: async (batch: Batch) => {
    await handleOf(batch).terminate();
  },
  timed_out: async (batch: Batch) => {
    await eventually(
      'a run that has timed out',
      async () => (await handleOf(batch).describe()).status.name === 'TIMED_OUT',
    );
  },
  vanished: async (batch: Batch) => {
    const workflowExecution = { workflowId: importWorkflowId(batch.projectId, batch._id) };
    await temporal.client.workflowService.deleteWorkflowExecution({ namespace: temporal.namespace, workflowExecution });
    await eventually('a workflow that is gone', () =>
      handleOf(batch)
        .describe()
        .then(
          () => false,
          () => true,
        ),
    );
  },
} as const;

describe('an import whose run ends without ending it', () => {
  it.each(['terminated', 'timed_out', 'vanished'] as const)(
    'ends as failed when the run is %s, without being polled, and its client is told',
    async (failure) => {
      const taskQueue = aTaskQueue();
      const workflows = createTemporalWorkflows({ client: temporal.client, taskQueue });
      const batch = await bench.batch({ webhook: receiver.url }, itemSpecs(3));
      const { workflowId } = await startWithLimit(batch, taskQueue, failure === 'timed_out' ? '1s' : '1h');
      const { runId } = await temporal.client.workflow.getHandle(workflowId).describe();
      await ENDINGS[failure](batch);

      await aReconciler(workflows).runOnce();

      const counts = { success: 0, skipped: 0, failed: 3 };
      const ended = await stored(batch);
      expect(ended).toMatchObject({ state: 'failed', failure, counts });
      expect(ended.endedRunId).toBe(failure === 'vanished' ? undefined : runId);
      expect(ended).not.toHaveProperty('endingAt');
      // Of these retention is made.
      expect((await bench.store.batches.findFinished(A_MINUTE_ON(), 10)).map(({ _id }) => _id)).toEqual([batch._id]);
      await withWorkflowWorker(
        temporal,
        bench.activities,
        async () => {
          const [secret = ''] = await bench.store.projects.webhookSecrets(batch.projectId);
          const body = (await receiver.verified(batch._id, secret)) as WebhookBody;
          expect(body).toMatchObject({
            id: batch._id,
            state: 'failed',
            overview: { details: { total: 3, ...counts } },
          });
        },
        taskQueue,
      );
    },
  );

  it('is told once, however many gateways notice', async () => {
    const { batch, workflows, taskQueue } = await anIdleImport();
    await handleOf(batch).terminate();

    await Promise.all([1, 2, 3].map(() => aReconciler(workflows).runOnce()));
    await eventually('the end of the import', async () => (await stored(batch)).state === 'failed');

    await withWorkflowWorker(
      temporal,
      bench.activities,
      async () => {
        await eventually('a delivery', async () => {
          const deliveries = await bench.store.deliveries.listByBatch(batch.projectId, batch._id);
          return deliveries[0]?.state === 'delivered';
        });
      },
      taskQueue,
    );
    expect(await bench.store.deliveries.listByBatch(batch.projectId, batch._id)).toHaveLength(1);
    expect(receiver.deliveries.filter(({ raw }) => raw.includes(batch._id))).toHaveLength(1);
  });

  it('is not opened again by a late activity of that run', async () => {
    const { batch, workflows } = await anIdleImport();
    const { runId } = await handleOf(batch).describe();
    await handleOf(batch).terminate();
    await aReconciler(workflows).runOnce();

    const plan = await bench.run('planRound', { ...refOf(batch), fromSeq: 0 }, runId);

    expect(plan).toMatchObject({ items: [], totals: { open: 0, failed: 3 } });
    expect(await stored(batch)).toMatchObject({ state: 'failed', endedRunId: runId });
  });

  it('is looked at by the reconciler once a minute', async () => {
    const { batch, workflows } = await anIdleImport();
    const looked: string[] = [];
    const state: ImportWorkflows['state'] = (ref) => {
      looked.push(ref.batchId);
      return workflows.state(ref);
    };
    const after = (ms: number) =>
      createReconciler({
        ...{ store: bench.store, workflows: { ...workflows, state }, logger },
        now: () => new Date(Date.now() + ms),
      }).runOnce();

    await after(50_000);
    expect(looked).toEqual([]);
    await after(61_000);
    await after(100_000);
    expect(looked).toEqual([batch._id]);
    await after(122_000);
    expect(looked).toEqual([batch._id, batch._id]);
    await handleOf(batch).terminate();
  });
});

describe('an import that goes on in another run', () => {
  it('is not ended when it has continued as new', async () => {
    const batch = await bench.batch({}, itemSpecs(150));
    let hasContinued = false;
    let finish = (): void => undefined;
    const held = new Promise<'success'>((resolve) => {
      finish = () => {
        resolve('success');
      };
    });
    // The server of the tests suggests continuing after 300 events.
    const activities = fakeActivities({ itemCount: 150, item: () => (hasContinued ? held : 'open') });

    await withWorkflowWorker(temporal, activities, async (taskQueue) => {
      const workflows = createTemporalWorkflows({ client: temporal.client, taskQueue });
      await workflows.start({ ...refOf(batch), kind: batch.kind, itemCount: 150 }, 3);
      const first = (await handleOf(batch).describe()).runId;
      await eventually('a second run', async () => (await handleOf(batch).describe()).runId !== first);
      hasContinued = true;

      await aReconciler(workflows).runOnce();

      expect(await stored(batch)).toMatchObject({ state: 'started' });
      finish();
      await handleOf(batch).result();
    });
  });

  it('is not ended by what a poll saw before a reset', async () => {
    await withWorkflowWorker(temporal, bench.activities, async (taskQueue) => {
      const { batch, workflows } = await anIdleImport({}, taskQueue);
      const readStatus = createReadStatus({ store: bench.store, workflows, logger });
      await eventually('a fetch', () => bench.fetched.length > 0);
      await handleOf(batch).terminate();
      const polled = await readStatus(refOf(batch));
      expect(polled?.batch).toMatchObject({ state: 'failed', failure: 'terminated' });

      await resetWorkflow(temporal, importWorkflowId(batch.projectId, batch._id));
      await eventually('an import that is open again', async () => (await stored(batch)).state === 'started');
      // What is kept of the first poll is out of date from here on, for three seconds after it at least.
      const until = Date.now() + 4_000;
      while (Date.now() < until) expect((await readStatus(refOf(batch)))?.batch.state).toBe('started');
      release(aFetch());
      await handleOf(batch).result();

      expect(await stored(batch)).toMatchObject({
        ...{ state: 'success', reopened: 1, counts: { success: 3, skipped: 0, failed: 0 } },
      });
    });
  });

  it('is not ended when a reset revives it while a gateway looks', async () => {
    await withWorkflowWorker(temporal, bench.activities, async (taskQueue) => {
      const { batch, workflows } = await anIdleImport({}, taskQueue);
      await eventually('a fetch', () => bench.fetched.length > 0);
      await handleOf(batch).terminate();
      const late = await workflows.state(refOf(batch));
      await resetWorkflow(temporal, importWorkflowId(batch.projectId, batch._id));
      // The first answers are those from before the reset.
      let answers = 0;
      const state: ImportWorkflows['state'] = (ref) => (++answers <= 2 ? Promise.resolve(late) : workflows.state(ref));

      await aReconciler({ ...workflows, state }).runOnce();

      expect(answers).toBe(3);
      const left = await stored(batch);
      expect(left).toMatchObject({ state: 'started' });
      expect(left).not.toHaveProperty('endingAt');
      expect(await bench.store.items.totals(batch._id)).toMatchObject({ open: 3 });
      release(aFetch());
      await handleOf(batch).result();
      expect(await stored(batch)).toMatchObject({ state: 'success', counts: { success: 3 } });
    });
  });

  it('waits with its plan until a gateway has ended what was before it', async () => {
    const { batch } = await anIdleImport();
    const ref = { ...refOf(batch), fromSeq: 0 };
    await bench.store.batches.beginEnd(batch, 'run-1');

    await expect(bench.run('planRound', ref, 'run-2')).rejects.toThrow('A gateway is ending the import');
    expect(await stored(batch)).not.toHaveProperty('reopened');
    await bench.store.items.settleOpen(batch._id, 'cancelled', 'The workflow was terminated');
    const end = { state: 'failed', failure: 'terminated', counts: { success: 0, skipped: 0, failed: 3 } } as const;
    await bench.store.batches.finish(batch.projectId, batch._id, { ...end, bytes: 0, at: new Date() }, batch);
    await bench.store.batches.leaveEnding(batch);

    await expect(bench.run('planRound', ref, 'run-2')).resolves.toMatchObject({ totals: { open: 3 } });
    expect(await stored(batch)).toMatchObject({ state: 'started', reopened: 1 });
    await handleOf(batch).terminate();
  });
});

function startWithLimit(
  { projectId, _id: batchId, kind, itemCount }: Batch,
  taskQueue: string,
  workflowRunTimeout: '1s' | '1h',
) {
  return temporal.client.workflow.start('importBatch', {
    taskQueue,
    workflowId: importWorkflowId(projectId, batchId),
    workflowRunTimeout,
    args: [{ projectId, batchId, kind, itemCount }],
  });
}

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ApplicationFailure } from '@temporalio/common';
import { createFsBlobStore } from '../../src/blobs/fs/store.js';
import { WORKFLOWS, type CollectedGarbage } from '../../src/temporal/names.js';
import { ensureGarbageSchedule } from '../../src/temporal/garbage-schedule.js';
import { anActivityBench } from '../support/activity-bench.js';
import { eventually } from '../support/eventually.js';
import { fakeActivities } from '../support/fake-activities.js';
import { keepHistory } from '../support/import-run.js';
import { storeBlob } from '../support/stored-blobs.js';
import { aTaskQueue, connectTestTemporal, type TestTemporal } from '../servers/temporal.js';
import { withWorkflowWorker } from '../support/workflow-worker.js';

let temporal: TestTemporal;
beforeAll(async () => {
  temporal = await connectTestTemporal();
});
afterAll(() => temporal.close());

async function collect(taskQueue: string, workflowId = `collect-${taskQueue}`): Promise<CollectedGarbage> {
  const options = { taskQueue, workflowId, args: [{}] };
  return (await temporal.client.workflow.execute(WORKFLOWS.collectGarbage, options)) as CollectedGarbage;
}

describe('collectGarbage', () => {
  it('adds up what was removed, and asks for records until none are left', async () => {
    const activities = fakeActivities({ itemCount: 0, recordCalls: 3 });

    await withWorkflowWorker(temporal, activities, async (taskQueue) => {
      const removed = await collect(taskQueue);

      expect(removed).toEqual({
        blobs: { count: 2, bytes: 20 },
        parts: { count: 1, bytes: 5 },
        batches: 3,
        items: 30,
        idempotencyKeys: 9,
        probed: { count: 4, next: 'media-4' },
      });
      expect(activities.calls.collectedRecords).toBe(3);
      expect(activities.calls.probedAfter).toEqual(['']);
      await keepHistory(temporal, `collect-${taskQueue}`, 'collect-garbage--all-good');
    });
  });

  it('lets Temporal repeat what fails, and tidies the rest meanwhile', async () => {
    const activities = fakeActivities({ itemCount: 0 });
    let tries = 0;
    const collectBlobs = () => {
      tries += 1;
      if (tries < 3 || activities.calls.collectedRecords === 0)
        throw ApplicationFailure.create({ message: 'The blob store does not answer', nextRetryDelay: 5 });
      return Promise.resolve({ count: 7, bytes: 70 });
    };

    await withWorkflowWorker(temporal, { ...activities, collectBlobs }, async (taskQueue) => {
      const removed = await collect(taskQueue);

      expect(removed).toMatchObject({ blobs: { count: 7, bytes: 70 }, batches: 1 });
      expect(tries).toBeGreaterThanOrEqual(3);
      await keepHistory(temporal, `collect-${taskQueue}`, 'collect-garbage--retries');
    });
  });
});

describe('the Schedule collect-garbage', () => {
  it('runs a collection with the stores at hand when it is triggered', async () => {
    const root = await mkdtemp(join(tmpdir(), 'collect-garbage-'));
    const blobs = createFsBlobStore({ root });
    const limits = { blobAgeMs: 0, partAgeMs: 0, noticeAgeMs: 60_000, hostAgeMs: 60_000, retentionMs: 60_000 };
    const bench = await anActivityBench(() => Promise.reject(new Error('This test fetches nothing')), {
      blobs,
      garbage: limits,
    });
    const { sha256 } = await storeBlob(blobs, Buffer.from('an orphan'));

    await withWorkflowWorker(temporal, bench.activities, async (taskQueue) => {
      const scheduleId = `collect-${taskQueue}`;
      await ensureGarbageSchedule({ client: temporal.client, taskQueue, everyMs: 3_600_000, scheduleId });
      const handle = temporal.client.schedule.getHandle(scheduleId);
      await handle.trigger();

      const workflowId = await eventually('a run of the Schedule', async () => {
        const { info } = await handle.describe();
        return info.recentActions.at(-1)?.action.workflow.workflowId;
      });
      const removed: unknown = await temporal.client.workflow.getHandle(workflowId).result();

      expect(workflowId).toMatch(new RegExp(`^${scheduleId}-\\d{4}-`));
      expect(removed).toMatchObject({ blobs: { count: 1, bytes: 9 } });
      expect(await blobs.stat(sha256)).toBeNull();
      await handle.delete();
    });
    await bench.close();
    await rm(root, { recursive: true });
  });

  it('continues to look into media where its last run has ended', async () => {
    const activities = fakeActivities({ itemCount: 0 });

    await withWorkflowWorker(temporal, activities, async (taskQueue) => {
      const scheduleId = `collect-${taskQueue}`;
      await ensureGarbageSchedule({ client: temporal.client, taskQueue, everyMs: 3_600_000, scheduleId });
      const handle = temporal.client.schedule.getHandle(scheduleId);
      for (const run of [1, 2]) {
        // As at its own times: a run that may overlap others is not handed the result of the one before.
        await handle.trigger('SKIP');
        const workflowId = await eventually('a run of the Schedule', async () => {
          const { info } = await handle.describe();
          return info.recentActions.length === run && info.recentActions.at(-1)?.action.workflow.workflowId;
        });
        await temporal.client.workflow.getHandle(workflowId).result();
        // The Schedule has to hear of the end, whose result it hands to the next run.
        await eventually('no running action', async () => (await handle.describe()).info.runningActions.length === 0);
      }
      await handle.delete();
    });

    expect(activities.calls.probedAfter).toEqual(['', 'media-4']);
  });

  it('is made once by several gateways at a time, changed when its interval is, and left paused', async () => {
    const taskQueue = aTaskQueue();
    const scheduleId = `collect-${taskQueue}`;
    const ensure = (everyMs: number) =>
      ensureGarbageSchedule({ client: temporal.client, taskQueue, everyMs, scheduleId });
    const handle = temporal.client.schedule.getHandle(scheduleId);

    await Promise.all([ensure(3_600_000), ensure(3_600_000), ensure(3_600_000)]);
    const first = await handle.describe();
    await handle.pause('maintenance');
    await ensure(3_600_000);
    const same = await handle.describe();
    await Promise.all([ensure(7_200_000), ensure(7_200_000)]);
    const changed = await handle.describe();
    await handle.delete();

    expect(first).toMatchObject({
      spec: { intervals: [{ every: 3_600_000 }], jitter: 360_000 },
      action: { workflowType: 'collectGarbage', taskQueue, args: [{}], priority: { priorityKey: 5 } },
      policies: { overlap: 'SKIP', catchupWindow: 60_000 },
      state: { paused: false },
    });
    expect(first.info.lastUpdatedAt).toBeUndefined();
    // Pausing is a change; finding all as it should be is none.
    expect(same.info.lastUpdatedAt).toEqual(first.info.lastUpdatedAt);
    expect(changed.info.lastUpdatedAt).toBeInstanceOf(Date);
    expect(changed).toMatchObject({
      spec: { intervals: [{ every: 7_200_000 }], jitter: 600_000 },
      state: { paused: true, note: 'maintenance' },
    });
  });
});

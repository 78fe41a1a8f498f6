import { ApplicationFailure } from '@temporalio/common';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { WorkflowFailedError } from '@temporalio/client';
import { Context } from '@temporalio/activity';
import type { ImportProgress } from '../../src/contract/workflow-names.js';
import { STATUS_QUERY, webhookWorkflowId } from '../../src/contract/workflow-names.js';
import { fakeActivities } from '../support/fake-activities.js';
import { keepHistory, withImport } from '../support/import-run.js';
import { connectTestTemporal, type TestTemporal } from '../support/temporal.js';

let temporal: TestTemporal;
beforeAll(async () => {
  temporal = await connectTestTemporal();
});
afterAll(() => temporal.close());

describe('importBatch', () => {
  it('runs one activity an item and finishes when a small batch is all good', async () => {
    const activities = fakeActivities({ itemCount: 3 });

    await withImport(temporal, activities, async ({ handle }) => {
      const result = await handle.result();

      expect(result).toEqual({ state: 'success', counts: { success: 3, skipped: 0, failed: 0 }, webhook: null });
      expect(activities.calls.items.map(({ seq }) => seq).sort()).toEqual([0, 1, 2]);
      expect(activities.calls.sweeps).toEqual([]);
      expect(activities.calls.finishes).toHaveLength(1);
      await keepHistory(temporal, handle.workflowId, 'import-batch--all-good');
    });
  });

  it('lets Temporal repeat an item whose activity fails', async () => {
    const activities = fakeActivities({
      itemCount: 2,
      item: (seq, call) => {
        if (seq === 1 && call < 3)
          throw ApplicationFailure.create({ message: 'Source answered 503', type: 'http_5xx', nextRetryDelay: 5 });
        return 'success';
      },
    });

    await withImport(temporal, activities, async ({ handle }) => {
      await handle.result();

      expect(activities.calls.items.filter(({ seq }) => seq === 1)).toHaveLength(3);
      expect(activities.states).toEqual(['success', 'success']);
      await keepHistory(temporal, handle.workflowId, 'import-batch--retries');
    });
  });

  it('ends as success when some items fail and some come back in a later round', async () => {
    const activities = fakeActivities({
      itemCount: 4,
      item: (seq, call) =>
        seq === 0 ? 'failed' : seq === 1 && call === 1 ? 'open' : seq === 2 ? 'skipped' : 'success',
    });

    await withImport(temporal, activities, async ({ handle }) => {
      const result = await handle.result();

      expect(result?.state).toBe('success');
      expect(result?.counts).toEqual({ success: 2, skipped: 1, failed: 1 });
      expect(activities.calls.items.filter(({ seq }) => seq === 1)).toHaveLength(2);
      await keepHistory(temporal, handle.workflowId, 'import-batch--partial-failure');
    });
  });

  it('sweeps pages while many items are open and turns to single activities for what is left', async () => {
    const activities = fakeActivities({
      itemCount: 430,
      sweep: (seq, round) =>
        round === 1 && seq % 2 === 0 ? 'open' : round === 2 && seq % 100 === 0 ? 'open' : 'success',
    });

    await withImport(temporal, activities, async ({ handle }) => {
      const result = await handle.result();

      expect(result?.counts.success).toBe(430);
      expect(activities.calls.sweeps).toHaveLength(18);
      expect(activities.calls.items.map(({ seq }) => seq).sort((a, b) => a - b)).toEqual([0, 100, 200, 300, 400]);
      await keepHistory(temporal, handle.workflowId, 'import-batch--sweep-rounds');
    });
  });

  it('continues as new with its counts when the history grows long', async () => {
    const activities = fakeActivities({
      itemCount: 150,
      item: (_seq, call) => (call <= 2 ? 'open' : 'success'),
    });

    await withImport(temporal, activities, async ({ handle }) => {
      const result = await handle.result();
      const last = await temporal.client.workflow.getHandle(handle.workflowId).describe();

      expect(result?.counts.success).toBe(150);
      expect(last.runId).not.toBe(handle.firstExecutionRunId);
      const progress = await temporal.client.workflow.getHandle(handle.workflowId).query<ImportProgress>(STATUS_QUERY);
      expect(progress).toMatchObject({ round: 4, counts: { total: 150, open: 0, success: 150 } });
      await keepHistory(temporal, handle.workflowId, 'import-batch--continue-as-new', handle.firstExecutionRunId);
      await keepHistory(temporal, handle.workflowId, 'import-batch--continued', last.runId);
    });
  });

  it('settles what is open and tells the client when it is cancelled', async () => {
    let started = (): void => undefined;
    const running = new Promise<void>((resolve) => (started = resolve));
    const activities = fakeActivities({
      itemCount: 2,
      webhook: true,
      item: async (seq): Promise<'success'> => {
        if (seq === 0) return 'success';
        started();
        const beat = setInterval(() => {
          Context.current().heartbeat();
        }, 100);
        await Context.current().cancelled.finally(() => {
          clearInterval(beat);
        });
        return 'success';
      },
    });

    await withImport(temporal, activities, async ({ handle, input }) => {
      await running;
      await handle.cancel();

      await expect(handle.result()).rejects.toBeInstanceOf(WorkflowFailedError);
      expect((await handle.describe()).status.name).toBe('CANCELLED');
      expect(activities.calls.finishes).toEqual([{ projectId: 'p1', batchId: input.batchId, outcome: 'cancelled' }]);
      expect(activities.states).toEqual(['success', 'failed']);
      const delivery = temporal.client.workflow.getHandle(webhookWorkflowId('p1', input.batchId));
      await expect(delivery.result()).resolves.toBe('delivered');
      await keepHistory(temporal, handle.workflowId, 'import-batch--cancelled');
    });
  });

  it('answers the status query while it runs', async () => {
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const activities = fakeActivities({
      itemCount: 2,
      item: (seq) => (seq === 0 ? 'success' : held.then(() => 'success' as const)),
    });

    await withImport(temporal, activities, async ({ handle }) => {
      let progress: ImportProgress;
      do progress = await handle.query<ImportProgress>(STATUS_QUERY);
      while (progress.counts.success < 1);

      expect(progress).toMatchObject({
        round: 1,
        counts: { total: 2, open: 1, success: 1, skipped: 0, failed: 0 },
        bytes: 10,
      });
      release();
      await handle.result();
    });
  });

  it('waits with a timer, and plans again, when nothing is due yet', async () => {
    const activities = fakeActivities({ itemCount: 1, waits: [50] });

    await withImport(temporal, activities, async ({ handle }) => {
      await handle.result();

      const { events } = await handle.fetchHistory();
      const timers = events?.flatMap((event) => event.timerStartedEventAttributes?.startToFireTimeout?.nanos ?? []);
      expect(timers).toEqual([50_000_000]);
      expect(activities.calls.plans).toHaveLength(3);
    });
  });

  it('does nothing for a batch whose POST was refused after all', async () => {
    const activities = fakeActivities({ itemCount: 0 });

    await withImport(temporal, activities, async ({ handle }) => {
      await expect(handle.result()).resolves.toBeNull();
      expect(activities.calls.finishes).toEqual([]);
    });
  });
});

describe('deliverWebhook', () => {
  it('attempts again until the receiver takes the message, though the import has ended', async () => {
    const activities = fakeActivities({ itemCount: 1, webhook: true, deliveries: ['pending', 'pending', 'delivered'] });

    await withImport(temporal, activities, async ({ handle, input }) => {
      await handle.result();
      const delivery = temporal.client.workflow.getHandle(webhookWorkflowId('p1', input.batchId));

      await expect(delivery.result()).resolves.toBe('delivered');
      expect(activities.webhookAttempts).toEqual([1, 2, 3]);
      await keepHistory(temporal, delivery.workflowId, 'deliver-webhook--retries');
    });
  });

  it.each(['disabled', 'exhausted'] as const)('stops when a message is %s', async (state) => {
    const activities = fakeActivities({ itemCount: 1, webhook: true, deliveries: ['pending', state] });

    await withImport(temporal, activities, async ({ handle, input }) => {
      await handle.result();

      const delivery = temporal.client.workflow.getHandle(webhookWorkflowId('p1', input.batchId));
      await expect(delivery.result()).resolves.toBe(state);
      expect(activities.webhookAttempts).toEqual([1, 2]);
    });
  });
});

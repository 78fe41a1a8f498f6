import { ApplicationFailure } from '@temporalio/common';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { WorkflowFailedError } from '@temporalio/client';
import { Context } from '@temporalio/activity';
import { STATUS_QUERY, webhookWorkflowId, type ImportProgress } from '../../src/temporal/names.js';
import { eventually } from '../support/eventually.js';
import { fakeActivities } from '../support/fake-activities.js';
import { keepHistory, withImport } from '../support/import-run.js';
import { connectTestTemporal, type TestTemporal } from '../servers/temporal.js';

let temporal: TestTemporal;
beforeAll(async () => {
  temporal = await connectTestTemporal();
});
afterAll(() => temporal.close());

/** Ends when the activity is cancelled, heartbeating until then: only heartbeats bring the news. */
async function untilCancelled(): Promise<never> {
  const beat = setInterval(() => {
    Context.current().heartbeat();
  }, 100);
  return Context.current().cancelled.finally(() => {
    clearInterval(beat);
  });
}

/** A promise, and what resolves it. */
function aGate() {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { open, opened };
}

const hostsOf = (count: number, host = 'media.example') => Array<string>(count).fill(host);

describe('importBatch with what the gateway knows of its items', () => {
  it('runs one activity an item without a plan, and ends a small batch of good items', async () => {
    const activities = fakeActivities({ itemCount: 3 });

    await withImport(
      temporal,
      activities,
      async ({ handle }) => {
        const result = await handle.result();

        expect(result).toEqual({ state: 'success', counts: { success: 3, skipped: 0, failed: 0 }, webhook: null });
        expect(activities.calls.items.map(({ seq }) => seq).sort()).toEqual([0, 1, 2]);
        expect(activities.calls).toMatchObject({ plans: [], sweeps: [] });
        expect(activities.calls.finishes).toHaveLength(1);
        await keepHistory(temporal, handle.workflowId, 'import-batch--all-good');
      },
      { hosts: hostsOf(3) },
    );
  });

  it('lets the only item of a batch end it', async () => {
    const finished = { state: 'success', counts: { success: 1, skipped: 0, failed: 0 }, webhook: null } as const;
    const activities = fakeActivities({
      itemCount: 1,
      item: (_seq, _call, { finishes }) => ({ state: 'success', ...(finishes && { finished }) }),
    });

    await withImport(
      temporal,
      activities,
      async ({ handle }) => {
        await expect(handle.result()).resolves.toEqual(finished);

        expect(activities.calls).toMatchObject({ plans: [], finishes: [] });
        await keepHistory(temporal, handle.workflowId, 'import-batch--single-item');
      },
      { hosts: hostsOf(1) },
    );
  });

  it('goes through a large batch in pages without a plan', async () => {
    const activities = fakeActivities({ itemCount: 430 });

    await withImport(
      temporal,
      activities,
      async ({ handle }) => {
        const result = await handle.result();

        expect(result?.counts.success).toBe(430);
        expect(activities.calls.plans).toEqual([]);
        const pages = activities.calls.sweeps.map(({ fromSeq, toSeq }) => [fromSeq, toSeq] as const);
        expect(pages.sort(([a], [b]) => a - b)).toEqual([
          ...[0, 50, 100, 150, 200, 250, 300, 350].map((from) => [from, from + 49]),
          [400, 429],
        ]);
        await keepHistory(temporal, handle.workflowId, 'import-batch--pages');
      },
      { pageSize: 50 },
    );
  });

  it('tries again what a page left, while other pages are still under way', async () => {
    const { open, opened } = aGate();
    const activities = fakeActivities({
      itemCount: 300,
      sweepAbove: 10,
      sweep: (seq, time) => (seq < 10 && time === 1 ? 'open' : 'success'),
    });
    const sweepPage: typeof activities.sweepPage = async (input) => {
      if (input.fromSeq === 250) await opened;
      return activities.sweepPage(input);
    };

    await withImport(
      temporal,
      { ...activities, sweepPage },
      async ({ handle }) => {
        await eventually('the items that were left', () =>
          activities.states.slice(0, 10).every((s) => s === 'success'),
        );
        expect(activities.states[250]).toBe('open');
        open();
        await handle.result();

        // The pages between may have ended by then or not; the first one has, and the last one has not.
        const pages = activities.calls.plans[0]?.known.pages;
        expect(pages).toContainEqual([250, 299]);
        expect(pages).not.toContainEqual([0, 49]);
      },
      { pageSize: 50 },
    );
  });
});

describe('importBatch', () => {
  it('begins with a plan when the gateway knows nothing, as after a crash', async () => {
    const activities = fakeActivities({ itemCount: 3 });

    await withImport(temporal, activities, async ({ handle }) => {
      await handle.result();

      expect(activities.calls.plans).toHaveLength(1);
      expect(activities.calls.items).toHaveLength(3);
    });
  });

  it('lets Temporal repeat an activity that fails', async () => {
    const activities = fakeActivities({
      itemCount: 2,
      item: (seq, call) => {
        if (seq === 1 && call < 3) throw ApplicationFailure.create({ message: 'MongoDB is away', nextRetryDelay: 5 });
        return 'success';
      },
    });

    await withImport(temporal, activities, async ({ handle }) => {
      await handle.result();

      expect(activities.calls.items.filter(({ seq }) => seq === 1)).toHaveLength(3);
      expect(activities.states).toEqual(['success', 'success']);
    });
  });

  it('tries an item again when it is due, and waits with a timer when nothing else is left', async () => {
    const activities = fakeActivities({
      itemCount: 4,
      item: (seq, call) => {
        if (seq === 1 && call < 3) return { state: 'open', why: 'retry', code: 'http_5xx', attempt: call, dueMs: 100 };
        return seq === 0 ? 'failed' : seq === 2 ? 'skipped' : 'success';
      },
    });

    await withImport(
      temporal,
      activities,
      async ({ handle }) => {
        const result = await handle.result();

        expect(result).toMatchObject({ state: 'success', counts: { success: 2, skipped: 1, failed: 1 } });
        expect(activities.calls.items.filter(({ seq }) => seq === 1)).toHaveLength(3);
        const { events } = await handle.fetchHistory();
        expect(events?.filter(({ timerFiredEventAttributes }) => timerFiredEventAttributes)).toHaveLength(2);
        expect(activities.calls.plans).toEqual([]);
        await keepHistory(temporal, handle.workflowId, 'import-batch--retries');
      },
      { hosts: hostsOf(4) },
    );
  });

  it('tries other items while one does not end', async () => {
    const { open, opened } = aGate();
    const activities = fakeActivities({
      itemCount: 12,
      item: async (seq, call) => {
        if (seq === 0) await opened;
        if (seq > 1 && call === 1) return { state: 'open', why: 'retry', code: 'timeout', attempt: 1, dueMs: 10 };
        return 'success';
      },
    });

    await withImport(
      temporal,
      activities,
      async ({ handle }) => {
        await eventually('an end of all others', () => activities.states.slice(1).every((s) => s === 'success'));
        expect(activities.states[0]).toBe('open');
        open();
        await expect(handle.result()).resolves.toMatchObject({ counts: { success: 12 } });
      },
      { hosts: Array.from({ length: 12 }, (_, seq) => `h${seq % 2}`) },
    );
  });

  it('waits for a host that rests, without an activity, and starts all of its items when the first one got through', async () => {
    let isClosed = true;
    const activities = fakeActivities({
      itemCount: 6,
      item: (seq, call) => {
        if (seq < 2) return 'success';
        if (isClosed && call === 1) return { state: 'open', why: 'host_rests', restMs: 300 };
        isClosed = false;
        return 'success';
      },
    });

    await withImport(
      temporal,
      activities,
      async ({ handle }) => {
        const waiting = await eventually('a host that is waited for', async () => {
          const { waitingFor, counts } = await handle.query<ImportProgress>(STATUS_QUERY);
          return counts.open === 4 && waitingFor;
        });
        expect(waiting).toMatchObject([{ host: 'ill', items: 4 }]);
        await handle.result();

        const tries = [2, 3, 4, 5].map((seq) => activities.calls.items.filter((input) => input.seq === seq).length);
        expect(tries).toEqual([2, 2, 2, 2]);
        await keepHistory(temporal, handle.workflowId, 'import-batch--host-rests');
      },
      { hosts: ['well', 'well', 'ill', 'ill', 'ill', 'ill'] },
    );
  });

  it('gives an item that is too long for its place one of its own', async () => {
    const activities = fakeActivities({
      itemCount: 2,
      item: (seq, _call, { own }) => (seq === 1 && own !== true ? { state: 'open', why: 'needs_own' } : 'success'),
    });

    await withImport(
      temporal,
      activities,
      async ({ handle }) => {
        await handle.result();

        const { events } = await handle.fetchHistory();
        const queues = events?.flatMap((each) => each.activityTaskScheduledEventAttributes?.taskQueue?.name ?? []);
        expect(queues?.filter((name) => name.endsWith('/items'))).toHaveLength(2);
        expect(queues?.filter((name) => name.endsWith('/downloads'))).toHaveLength(1);
        await keepHistory(temporal, handle.workflowId, 'import-batch--long-download');
      },
      { hosts: hostsOf(2) },
    );
  });

  it('looks again when the end of the batch finds an item open', async () => {
    const activities = fakeActivities({ itemCount: 3 });
    let ends = 0;
    const finishBatch: typeof activities.finishBatch = (input) => {
      if (++ends > 1) return activities.finishBatch(input);
      activities.states[1] = 'open';
      const counts = { success: 2, skipped: 0, failed: 0 };
      return Promise.resolve({ state: 'started', counts, webhook: null, open: 1 });
    };

    await withImport(
      temporal,
      { ...activities, finishBatch },
      async ({ handle }) => {
        await expect(handle.result()).resolves.toMatchObject({ state: 'success', counts: { success: 3 } });

        expect(activities.calls.items.map(({ seq }) => seq).sort()).toEqual([0, 1, 1, 2]);
        expect(activities.calls.plans).toMatchObject([{ count: true }]);
      },
      { hosts: hostsOf(3) },
    );
  });

  it('lets a plan open a batch again that has ended without it, and starts nothing before', async () => {
    const activities = fakeActivities({ itemCount: 3 });
    const importItem: typeof activities.importItem = (input) =>
      activities.calls.plans.length === 0
        ? Promise.resolve({ state: 'open', bytes: 0, hasEnded: true })
        : activities.importItem(input);

    await withImport(
      temporal,
      { ...activities, importItem },
      async ({ handle }) => {
        await handle.result();

        expect(activities.calls.items.map(({ seq }) => seq).sort()).toEqual([0, 1, 2]);
      },
      { hosts: hostsOf(3) },
    );
  });

  it('continues as new with its counts when the history grows long', async () => {
    const activities = fakeActivities({
      itemCount: 150,
      item: (_seq, call) => (call <= 2 ? { state: 'open', why: 'retry', dueMs: 0 } : 'success'),
    });

    await withImport(
      temporal,
      activities,
      async ({ handle }) => {
        const result = await handle.result();
        const last = await temporal.client.workflow.getHandle(handle.workflowId).describe();

        expect(result?.counts.success).toBe(150);
        expect(last.runId).not.toBe(handle.firstExecutionRunId);
        const current = temporal.client.workflow.getHandle(handle.workflowId);
        const progress = await current.query<ImportProgress>(STATUS_QUERY);
        expect(progress).toMatchObject({ counts: { total: 150, open: 0, success: 150 } });
        await keepHistory(temporal, handle.workflowId, 'import-batch--continue-as-new', handle.firstExecutionRunId);
        await keepHistory(temporal, handle.workflowId, 'import-batch--continued', last.runId);
      },
      { hosts: hostsOf(150) },
    );
  });

  it('gives a long download over to the next run instead of waiting for its end', async () => {
    let handedOver = 0;
    const { open, opened } = aGate();
    const activities = fakeActivities({
      itemCount: 190,
      item: async (seq, call, { own }) => {
        if (seq > 0) return call <= 6 ? { state: 'open', why: 'retry', dueMs: 0 } : 'success';
        if (own !== true) return { state: 'open', why: 'needs_own' };
        await Promise.race([opened, untilCancelled()]).catch((error: unknown) => {
          handedOver += 1;
          open();
          throw error;
        });
        return 'success';
      },
    });

    await withImport(
      temporal,
      activities,
      async ({ handle }) => {
        const result = await handle.result();

        expect(result?.counts.success).toBe(190);
        expect(handedOver).toBe(1);
        await keepHistory(temporal, handle.workflowId, 'import-batch--hand-over', handle.firstExecutionRunId);
      },
      { hosts: Array.from({ length: 190 }, (_, seq) => `h${seq % 8}`) },
    );
  }, 240_000);

  it('hears of a cancellation that arrives while it is about to continue as new', async () => {
    let cancel: () => Promise<unknown> = () => Promise.resolve();
    let isLong = false;
    const activities = fakeActivities({
      itemCount: 150,
      // The last activity of a long run ends as usual, before it has heard of the cancellation.
      item: async (seq, call) => {
        if (seq === 0 && call === 3) {
          isLong = true;
          await cancel();
        }
        return call <= 40 ? { state: 'open', why: 'retry', dueMs: 0 } : 'success';
      },
    });

    await withImport(
      temporal,
      activities,
      async ({ handle, input }) => {
        cancel = () => handle.cancel();

        await expect(handle.result()).rejects.toBeInstanceOf(WorkflowFailedError);
        expect(isLong).toBe(true);
        expect(activities.calls.finishes).toEqual([{ projectId: 'p1', batchId: input.batchId, outcome: 'cancelled' }]);
        expect(activities.states.every((state) => state !== 'open')).toBe(true);
        await keepHistory(temporal, handle.workflowId, 'import-batch--cancelled-at-continue-as-new');
      },
      { hosts: hostsOf(150) },
    );
  });

  it('settles what is open and tells the client when it is cancelled', async () => {
    const { open: start, opened: running } = aGate();
    const activities = fakeActivities({
      itemCount: 2,
      webhook: true,
      item: async (seq): Promise<'success'> => {
        if (seq === 0) return 'success';
        start();
        return untilCancelled();
      },
    });

    await withImport(
      temporal,
      activities,
      async ({ handle, input }) => {
        await running;
        await handle.cancel();

        await expect(handle.result()).rejects.toBeInstanceOf(WorkflowFailedError);
        expect((await handle.describe()).status.name).toBe('CANCELLED');
        expect(activities.calls.finishes).toEqual([{ projectId: 'p1', batchId: input.batchId, outcome: 'cancelled' }]);
        expect(activities.states).toEqual(['success', 'failed']);
        expect(activities.webhookAttempts).toEqual([1]);
        await keepHistory(temporal, handle.workflowId, 'import-batch--cancelled');
      },
      { hosts: hostsOf(2) },
    );
  });

  it('answers the status query while it runs', async () => {
    const { open, opened } = aGate();
    const activities = fakeActivities({
      itemCount: 2,
      item: (seq) => (seq === 0 ? 'success' : opened.then(() => 'success' as const)),
    });

    await withImport(temporal, activities, async ({ handle }) => {
      let progress: ImportProgress;
      do progress = await handle.query<ImportProgress>(STATUS_QUERY);
      while (progress.counts.success < 1);

      expect(progress).toMatchObject({
        round: 1,
        counts: { total: 2, open: 1, success: 1, skipped: 0, failed: 0 },
        bytes: 10,
        recent: [[expect.any(Number), 1, 10]],
      });
      open();
      await handle.result();
    });
  });

  it('does nothing for a batch whose POST was refused after all', async () => {
    const activities = fakeActivities({ itemCount: 0 });

    await withImport(temporal, activities, async ({ handle }) => {
      await expect(handle.result()).resolves.toBeNull();
      expect(activities.calls.finishes).toEqual([]);
      await keepHistory(temporal, handle.workflowId, 'import-batch--missing');
    });
  });
});

describe('the webhook of an import', () => {
  it('is tried at once by the import, and by no workflow of its own when that is enough', async () => {
    const activities = fakeActivities({ itemCount: 1, webhook: true });

    await withImport(temporal, activities, async ({ handle, input }) => {
      await handle.result();

      expect(activities.webhookAttempts).toEqual([1]);
      const delivery = temporal.client.workflow.getHandle(webhookWorkflowId('p1', input.batchId));
      await expect(delivery.describe()).rejects.toMatchObject({ name: 'WorkflowNotFoundError' });
    });
  });

  it('is tried again until the receiver takes it, though the import has ended', async () => {
    const activities = fakeActivities({ itemCount: 1, webhook: true, deliveries: ['pending', 'pending', 'delivered'] });

    await withImport(temporal, activities, async ({ handle, input }) => {
      await handle.result();
      const delivery = temporal.client.workflow.getHandle(webhookWorkflowId('p1', input.batchId));

      await expect(delivery.result()).resolves.toBe('delivered');
      expect(activities.webhookAttempts).toEqual([1, 2, 3]);
      await keepHistory(temporal, delivery.workflowId, 'deliver-webhook--retries');
    });
  });

  it.each(['disabled', 'exhausted'] as const)('is not tried again when it is %s', async (state) => {
    const activities = fakeActivities({ itemCount: 1, webhook: true, deliveries: ['pending', state] });

    await withImport(temporal, activities, async ({ handle, input }) => {
      await handle.result();

      const delivery = temporal.client.workflow.getHandle(webhookWorkflowId('p1', input.batchId));
      await expect(delivery.result()).resolves.toBe(state);
      expect(activities.webhookAttempts).toEqual([1, 2]);
    });
  });
});

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { WorkflowFailedError, WorkflowUpdateFailedError } from '@temporalio/client';
import { STATUS_QUERY, UPDATES, type ImportProgress, type PauseResult } from '../../src/temporal/names.js';
import { eventually } from '../support/eventually.js';
import { fakeActivities } from '../support/fake-activities.js';
import { keepHistory, withImport, type ImportRun } from '../support/import-run.js';
import { connectTestTemporal, type TestTemporal } from '../servers/temporal.js';

let temporal: TestTemporal;
beforeAll(async () => {
  temporal = await connectTestTemporal();
});
afterAll(() => temporal.close());

/** A promise, and what resolves it. */
function aGate() {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { open, opened };
}

const hostsOf = (count: number) => Array<string>(count).fill('media.example');
const pause = ({ handle }: ImportRun) => handle.executeUpdate<PauseResult, []>(UPDATES.pause);
const resume = ({ handle }: ImportRun) => handle.executeUpdate<PauseResult, []>(UPDATES.resume);
const retry = ({ handle }: ImportRun, number: number) =>
  handle.executeUpdate<boolean, [number]>(UPDATES.retry, { args: [number] });
const statusOf = ({ handle }: ImportRun) => handle.query<ImportProgress>(STATUS_QUERY);

describe('an import that is paused', () => {
  it('lets running attempts end, starts none, and goes on when it is resumed', async () => {
    const gate = aGate();
    const activities = fakeActivities({
      itemCount: 60,
      item: async (seq) => {
        if (seq === 0) await gate.opened;
        return 'success' as const;
      },
    });

    await withImport(
      temporal,
      activities,
      async (run) => {
        await eventually('a first item under way', () => activities.calls.items.some(({ seq }) => seq === 0));
        expect(await pause(run)).toEqual({ hasChanged: true });
        expect(await pause(run)).toEqual({ hasChanged: false });
        const { pausedAt } = await statusOf(run);
        expect(pausedAt).toMatch(/^\d{4}-/);
        gate.open();
        await eventually('an end of what was under way', () => activities.states[0] === 'success');
        const started = activities.calls.items.length;
        const { events } = await run.handle.fetchHistory();
        expect(events?.some(({ timerStartedEventAttributes }) => timerStartedEventAttributes)).toBe(false);
        expect(activities.states.filter((state) => state === 'open')).toHaveLength(60 - started);
        expect(started).toBeLessThan(60);

        expect(await resume(run)).toEqual({ hasChanged: true });
        await expect(run.handle.result()).resolves.toMatchObject({ counts: { success: 60 } });
        expect(activities.calls.pauses.at(-1)).toMatchObject({ since: null });
        expect(activities.calls.pauses[0]?.since).toBe(pausedAt);
        await keepHistory(temporal, run.handle.workflowId, 'import-batch--paused');
      },
      { hosts: hostsOf(60) },
    );
  });

  it('is still paused after it has continued as new', async () => {
    let [isLong, isResumed] = [false, false];
    const gate = aGate();
    const activities = fakeActivities({
      itemCount: 150,
      item: async (seq, call) => {
        if (seq === 0 && call === 5) {
          isLong = true;
          await gate.opened;
        }
        return call <= 5 && !isResumed ? ({ state: 'open', why: 'retry', dueMs: 0 } as const) : ('success' as const);
      },
    });

    await withImport(
      temporal,
      activities,
      async (run) => {
        await eventually('a long history', () => isLong);
        await pause(run);
        gate.open();
        const current = temporal.client.workflow.getHandle(run.handle.workflowId);
        await eventually(
          'another run',
          async () => (await current.describe()).runId !== run.handle.firstExecutionRunId,
        );
        const started = activities.calls.items.length;
        const { pausedAt } = await current.query<ImportProgress>(STATUS_QUERY);
        expect(pausedAt).toBe(activities.calls.pauses[0]?.since);
        expect(activities.calls.items).toHaveLength(started);
        isResumed = true;
        await current.executeUpdate(UPDATES.resume);
        await expect(run.handle.result()).resolves.toMatchObject({ counts: { success: 150 } });
      },
      { hosts: hostsOf(150) },
    );
  });

  it('can be cancelled', async () => {
    const gate = aGate();
    const activities = fakeActivities({
      itemCount: 40,
      item: async () => {
        await gate.opened;
        return 'success' as const;
      },
    });

    await withImport(
      temporal,
      activities,
      async (run) => {
        await eventually('items under way', () => activities.calls.items.length > 0);
        await pause(run);
        gate.open();
        await run.handle.cancel();

        await expect(run.handle.result()).rejects.toBeInstanceOf(WorkflowFailedError);
        expect(activities.calls.finishes).toMatchObject([{ outcome: 'cancelled' }]);
        expect(activities.states).not.toContain('open');
        await keepHistory(temporal, run.handle.workflowId, 'import-batch--paused-and-cancelled');
      },
      { hosts: hostsOf(40) },
    );
  });
});

describe('an import that is told to retry', () => {
  it('opens failed items again while others are under way, and tries them', async () => {
    const gate = aGate();
    const activities = fakeActivities({
      itemCount: 4,
      item: async (seq, call) => {
        if (seq === 0) await gate.opened;
        return seq > 1 && call === 1 ? 'failed' : 'success';
      },
    });

    await withImport(
      temporal,
      activities,
      async (run) => {
        await eventually('two failures', () => activities.states.filter((state) => state === 'failed').length === 2);
        expect(await retry(run, 1)).toBe(true);
        await eventually('both imported', () => activities.states.slice(2).every((state) => state === 'success'));
        expect(activities.states[0]).toBe('open');
        gate.open();

        await expect(run.handle.result()).resolves.toMatchObject({ counts: { success: 4, failed: 0 } });
        expect(activities.calls.reopenings).toMatchObject([{ retry: 1 }]);
        await keepHistory(temporal, run.handle.workflowId, 'import-batch--retried');
      },
      { hosts: hostsOf(4) },
    );
  });

  it('is not lost when it is told while the batch is being ended, which is then an end of its own', async () => {
    const gate = aGate();
    let ending: () => void = () => undefined;
    const isEnding = new Promise<void>((resolve) => (ending = resolve));
    const activities = fakeActivities({
      itemCount: 250,
      webhook: true,
      sweep: (seq, time) => (seq === 7 && time === 1 ? 'failed' : 'success'),
    });
    const finishBatch: typeof activities.finishBatch = async (input) => {
      const result = await activities.finishBatch(input);
      if (activities.calls.finishes.length > 1) return result;
      ending();
      await gate.opened;
      return result;
    };

    await withImport(
      temporal,
      { ...activities, finishBatch },
      async (run) => {
        await isEnding;
        await expect(pause(run)).rejects.toBeInstanceOf(WorkflowUpdateFailedError);
        await retry(run, 1);
        gate.open();

        await expect(run.handle.result()).resolves.toMatchObject({ counts: { success: 250, failed: 0 } });
        expect(activities.calls.finishes).toHaveLength(2);
        expect(activities.webhookAttempts).toEqual([1, 1]);
        await keepHistory(temporal, run.handle.workflowId, 'import-batch--retried-at-its-end');
      },
      { pageSize: 50 },
    );
  });

  it('performs a retry in a run that was started for it before anything else, and counts first', async () => {
    const gate = aGate();
    const activities = fakeActivities({
      itemCount: 3,
      reopen: async () => {
        await gate.opened;
        return undefined;
      },
    });
    activities.states.splice(0, 3, 'success', 'failed', 'failed');

    await withImport(
      temporal,
      activities,
      async (run) => {
        await eventually('the retry', () => activities.calls.reopenings.length === 1);
        await expect(statusOf(run)).rejects.toThrow('Nothing was counted yet');
        expect(activities.calls.plans).toEqual([]);
        gate.open();

        await expect(run.handle.result()).resolves.toMatchObject({ counts: { success: 3 } });
        expect(activities.calls.items.map(({ seq }) => seq).sort()).toEqual([1, 2]);
        await keepHistory(temporal, run.handle.workflowId, 'import-batch--run-of-a-retry');
      },
      { retry: 1 },
    );
  });

  it('leaves a batch at its end when the retry was performed or withdrawn before', async () => {
    const activities = fakeActivities({ itemCount: 2, reopen: () => Promise.resolve('ended') });

    await withImport(
      temporal,
      activities,
      async ({ handle }) => {
        await expect(handle.result()).resolves.toBeNull();
        expect(activities.calls).toMatchObject({ plans: [], items: [], finishes: [] });
      },
      { retry: 1 },
    );
  });

  it('refuses a retry while it is being cancelled', async () => {
    const gate = aGate();
    const activities = fakeActivities({
      itemCount: 1,
      item: async () => {
        await gate.opened;
        return 'success' as const;
      },
    });

    await withImport(
      temporal,
      activities,
      async (run) => {
        await eventually('an item under way', () => activities.calls.items.length > 0);
        await run.handle.cancel();
        await eventually('a workflow that has heard of it', async () => {
          const { events } = await run.handle.fetchHistory();
          return events?.some((event) => event.activityTaskCancelRequestedEventAttributes);
        });
        await expect(retry(run, 1)).rejects.toBeInstanceOf(WorkflowUpdateFailedError);
        gate.open();
        await expect(run.handle.result()).rejects.toBeInstanceOf(WorkflowFailedError);
        expect(activities.calls.reopenings).toEqual([]);
      },
      { hosts: hostsOf(1) },
    );
  });
});

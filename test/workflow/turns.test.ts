import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Context } from '@temporalio/activity';
import { webhookWorkflowId } from '../../src/temporal/names.js';
import { fakeActivities, type FakeActivities, type FakeBehaviour } from '../support/fake-activities.js';
import { withImport } from '../support/import-run.js';
import { connectTestTemporal, type TestTemporal } from '../servers/temporal.js';

let temporal: TestTemporal;
beforeAll(async () => {
  temporal = await connectTestTemporal();
});
afterAll(() => temporal.close());

type Turns = Record<string, unknown>;

/** The activities, and what each run of one was handed out with, by activity id. */
function watched(behaviour: FakeBehaviour): { activities: FakeActivities; turns: Turns } {
  const turns: Turns = {};
  const watch = (member: unknown): unknown => {
    if (typeof member !== 'function') return member;
    return (input: unknown): unknown => {
      const { activityId, priority } = Context.current().info;
      turns[activityId] = priority;
      return (member as (input: unknown) => unknown)(input);
    };
  };
  const members = Object.entries(fakeActivities(behaviour)).map(([name, member]) => [name, watch(member)]);
  return { activities: Object.fromEntries(members) as FakeActivities, turns };
}

describe('the turns of an import', () => {
  it('are inherited by plans, pages and single items, which have task queues of their own', async () => {
    const { activities, turns } = watched({
      itemCount: 150,
      sweepAbove: 100,
      sweep: (seq) => (seq === 0 ? 'open' : 'success'),
    });
    const turn = { priorityKey: 2, fairnessKey: 'p1', fairnessWeight: 4 };

    await withImport(
      temporal,
      activities,
      async ({ handle }) => {
        await handle.result();

        for (const activityId of ['plan-1', 'page-0-49', 'page-100-149', 'plan-2', 'item-0'])
          expect(turns).toMatchObject({ [activityId]: turn });
      },
      { priority: turn },
    );
  });

  it('are kept when an import continues as new', async () => {
    const activities = fakeActivities({ itemCount: 150, item: (_seq, call) => (call <= 2 ? 'open' : 'success') });
    const turn = { priorityKey: 4, fairnessKey: 'p1', fairnessWeight: 0.5 };

    await withImport(
      temporal,
      activities,
      async ({ handle }) => {
        await handle.result();

        const last = await temporal.client.workflow.getHandle(handle.workflowId).describe();
        expect(last.runId).not.toBe(handle.firstExecutionRunId);
        expect(last.priority).toEqual(turn);
      },
      { priority: turn },
    );
  });

  it.each([
    [1, 1],
    [3, 3],
    [5, 3],
  ])('of priority %i lead to a webhook of priority %i in the same project', async (priorityKey, expected) => {
    const { activities, turns } = watched({ itemCount: 1, webhook: true, deliveries: ['pending', 'delivered'] });
    const turn = { priorityKey, fairnessKey: 'p1', fairnessWeight: 2 };

    await withImport(
      temporal,
      activities,
      async ({ handle, input }) => {
        await handle.result();

        const delivery = temporal.client.workflow.getHandle(webhookWorkflowId('p1', input.batchId));
        expect((await delivery.describe()).priority).toEqual({ ...turn, priorityKey: expected });
        await expect(delivery.result()).resolves.toBe('delivered');
        expect(turns).toMatchObject({ 'webhook-1': { ...turn, priorityKey: expected } });
        expect(turns).toMatchObject({ 'attempt-2': { ...turn, priorityKey: expected } });
      },
      { priority: turn },
    );
  });
});

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Worker } from '@temporalio/worker';
import { newBatchId } from '../../src/domain/ids.js';
import type { PlanWorkInput, WorkPlan } from '../../src/temporal/activity-api.js';
import { importWorkflowId } from '../../src/temporal/names.js';
import { createTemporalWorkflows } from '../../src/temporal/client.js';
import { eventually } from '../support/eventually.js';
import { aTaskQueue, connectTestTemporal, type TestTemporal } from '../servers/temporal.js';
import { workflowBundle } from '../support/workflow-bundle.js';

/** ACTIVITY of temporal.api.enums.v1.TaskQueueType. */
const TASK_QUEUE_TYPE_ACTIVITY: number = 2;
/** Ends the workflow that asked: one activity a batch is enough to see an order. */
const NOTHING: WorkPlan = {
  ...{ missing: true, totals: null, pages: [], items: [] },
  ...{ more: false, waitMs: null, ofHost: 16, tookMs: 0 },
};

let temporal: TestTemporal;
beforeAll(async () => {
  temporal = await connectTestTemporal();
});
afterAll(() => temporal.close());

interface Posted {
  readonly projectId: string;
  readonly count: number;
  readonly priority?: number;
}

/** How many activities wait at the server. */
async function backlogOf(taskQueue: string): Promise<number> {
  const { stats } = await temporal.connection.workflowService.describeTaskQueue({
    ...{ namespace: temporal.namespace, taskQueue: { name: taskQueue }, reportStats: true },
    // The enumeration is part of @temporalio/proto, which the SDK keeps to itself.
    // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment
    taskQueueType: TASK_QUEUE_TYPE_ACTIVITY,
  });
  return Number(stats?.approximateBacklogCount ?? 0);
}

/**
 * Starts batches in the order of `posted`, lets their first activities gather at the server, and only then starts a worker with
 * one slot for them. Answers what it was given, as `<projectId>/<priority>`, in order.
 */
async function orderOf(posted: readonly Posted[], weights: Record<string, number> = {}): Promise<string[]> {
  const taskQueue = aTaskQueue();
  const projectWeights = new Map(Object.entries(weights));
  const workflows = createTemporalWorkflows({ client: temporal.client, taskQueue, projectWeights });
  const { nativeConnection: connection, namespace } = temporal;
  const order: string[] = [];
  const labels = new Map<string, string>();
  const planWork = ({ batchId }: PlanWorkInput): Promise<WorkPlan> => {
    order.push(labels.get(batchId) ?? 'unknown');
    return Promise.resolve(NOTHING);
  };
  const storyteller = await Worker.create({ connection, namespace, taskQueue, workflowBundle: await workflowBundle() });
  await storyteller.runUntil(async () => {
    const results: Promise<unknown>[] = [];
    for (const { projectId, count, priority = 3 } of posted) {
      for (let n = 0; n < count; n++) {
        const input = { projectId, batchId: newBatchId(), kind: 'video', itemCount: 1 } as const;
        labels.set(input.batchId, `${projectId}/${priority}`);
        await workflows.start(input, priority);
        results.push(temporal.client.workflow.getHandle(importWorkflowId(projectId, input.batchId)).result());
      }
      await eventually('a backlog', async () => (await backlogOf(taskQueue)) === labels.size);
    }
    const single = { maxConcurrentActivityTaskExecutions: 1, maxConcurrentActivityTaskPolls: 1 };
    const worker = await Worker.create({ connection, namespace, taskQueue, activities: { planWork }, ...single });
    await worker.runUntil(() => Promise.all(results));
  });
  return order;
}

const among = (order: readonly string[], label: string): number => order.filter((each) => each === label).length;

describe('the order in which the server hands out activities', () => {
  it('lets a project with little work take turns at once with one that has much', async () => {
    const order = await orderOf([
      { projectId: 'many', count: 40 },
      { projectId: 'few', count: 4 },
    ]);

    expect(order).toHaveLength(44);
    expect(among(order.slice(0, 9), 'few/3')).toBe(4);
  });

  it('hands out more urgent activities first, regardless of project and of when they were requested', async () => {
    const order = await orderOf([
      { projectId: 'late', count: 3, priority: 5 },
      { projectId: 'usual', count: 10 },
      { projectId: 'usual', count: 3, priority: 1 },
      { projectId: 'other', count: 2, priority: 2 },
    ]);

    expect(order.slice(0, 5)).toEqual(['usual/1', 'usual/1', 'usual/1', 'other/2', 'other/2']);
    expect(order.slice(5, 15)).toEqual(Array(10).fill('usual/3'));
    expect(order.slice(15)).toEqual(Array(3).fill('late/5'));
  });

  it('gives shares by weight', async () => {
    const order = await orderOf(
      [
        { projectId: 'bronze', count: 30 },
        { projectId: 'gold', count: 30 },
      ],
      { gold: 4 },
    );

    // 4 of 5, give or take one at each end.
    expect(among(order.slice(0, 25), 'gold/3')).toBeGreaterThanOrEqual(18);
    expect(among(order.slice(0, 25), 'gold/3')).toBeLessThanOrEqual(22);
  });
});

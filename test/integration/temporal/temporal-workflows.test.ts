import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import { newBatchId } from '../../../src/domain/ids.js';
import { importWorkflowId, webhookWorkflowId } from '../../../src/temporal/names.js';
import { Outage, createTemporalWorkflows } from '../../../src/temporal/client.js';
import { aTaskQueue, connectTestTemporal, type TestTemporal } from '../../servers/temporal.js';

describe('createTemporalWorkflows', () => {
  let temporal: TestTemporal;
  beforeAll(async () => {
    temporal = await connectTestTemporal();
  });
  afterAll(() => temporal.close());

  const anInput = () => ({ projectId: 'p1', batchId: newBatchId(), kind: 'video', itemCount: 412 }) as const;
  const aClient = () => createTemporalWorkflows({ client: temporal.client, taskQueue: aTaskQueue() });
  const handleOf = (batchId: string) => temporal.client.workflow.getHandle(importWorkflowId('p1', batchId));

  it('starts one workflow that says what it is, however often it is asked to', async () => {
    const workflows = aClient();
    const input = anInput();

    await Promise.all([workflows.start(input, 3), workflows.start(input, 3), workflows.start(input, 3)]);

    const run = await handleOf(input.batchId).describe();
    expect(run.type).toBe('importBatch');
    expect(await run.staticSummary()).toBe('video import, 412 items');
    const attributes = Object.fromEntries(
      run.typedSearchAttributes.getAll().map(({ key, value }) => [key.name, value]),
    );
    expect(attributes).toMatchObject({ ProjectId: 'p1', ImportKind: 'video', ImportState: 'started' });
    expect(await workflows.state(input)).toEqual({ state: 'running', runId: run.runId });
    await handleOf(input.batchId).terminate();
  });

  it('starts it with its priority, and with the project as fairness key with its weight', async () => {
    const projectWeights = new Map([['p1', 2.5]]);
    const workflows = createTemporalWorkflows({ client: temporal.client, taskQueue: aTaskQueue(), projectWeights });
    const [mine, other] = [anInput(), { ...anInput(), projectId: 'p'.repeat(64) }];

    await Promise.all([workflows.start(mine, 1), workflows.start(other, 5)]);

    const handles = [
      handleOf(mine.batchId),
      temporal.client.workflow.getHandle(importWorkflowId(other.projectId, other.batchId)),
    ];
    const runs = await Promise.all(handles.map((handle) => handle.describe()));
    expect(runs.map(({ priority }) => priority)).toEqual([
      { priorityKey: 1, fairnessKey: 'p1', fairnessWeight: 2.5 },
      { priorityKey: 5, fairnessKey: other.projectId, fairnessWeight: 1 },
    ]);
    await Promise.all(handles.map((handle) => handle.terminate()));
  });

  it('does not start an ended workflow again and tells how it ended', async () => {
    const workflows = aClient();
    const input = anInput();
    await workflows.start(input, 3);
    const { runId } = await handleOf(input.batchId).describe();
    await handleOf(input.batchId).terminate();

    await expect(workflows.start(input, 3)).rejects.toThrow(Outage);

    expect(await workflows.state(input)).toEqual({ state: 'ended', runId, failure: 'terminated' });
    await expect(workflows.progress(input)).rejects.toThrow();
  });

  it('starts one delivery of a message, with the weight of its project and never less urgent than usual', async () => {
    const projectWeights = new Map([['p1', 2.5]]);
    const workflows = createTemporalWorkflows({
      ...{ client: temporal.client, taskQueue: aTaskQueue() },
      ...{ projectWeights, webhookDelayMs: 700 },
    });
    const { projectId, batchId } = anInput();
    const message = { projectId, batchId, webhookId: `msg_${batchId}_2` };
    const handle = temporal.client.workflow.getHandle(webhookWorkflowId(projectId, batchId, 2));

    await Promise.all([workflows.deliver(message, 2, 5), workflows.deliver(message, 2, 5)]);

    const run = await handle.describe();
    expect(run).toMatchObject({
      ...{ workflowId: `webhook/p1/${batchId}/2`, type: 'deliverWebhook' },
      priority: { priorityKey: 3, fairnessKey: 'p1', fairnessWeight: 2.5 },
    });
    const { events } = await handle.fetchHistory();
    const [input] = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads ?? [];
    expect(JSON.parse(Buffer.from(input?.data ?? []).toString())).toEqual({ ...message, attempt: 1, delayMs: 700 });
    await handle.terminate();
  });

  it('leaves a delivery alone that an operator has ended', async () => {
    const workflows = aClient();
    const { projectId, batchId } = anInput();
    const message = { projectId, batchId, webhookId: `msg_${batchId}_1` };
    await workflows.deliver(message, 1, 3);
    const handle = temporal.client.workflow.getHandle(webhookWorkflowId(projectId, batchId, 1));
    await handle.terminate();

    await expect(workflows.deliver(message, 1, 3)).resolves.toBeUndefined();

    expect((await handle.describe()).status.name).toBe('TERMINATED');
  });

  it('gives up on a query that no worker answers within seconds', async () => {
    const workflows = aClient();
    const input = anInput();
    await workflows.start(input, 3);
    const before = Date.now();

    await expect(workflows.progress(input)).rejects.toThrow();

    expect(Date.now() - before).toBeLessThan(10_000);
    expect((await workflows.state(input)).state).toBe('running');
    await handleOf(input.batchId).terminate();
  });

  it('knows a workflow that never was', async () => {
    expect(await aClient().state({ projectId: 'p1', batchId: 'nosuch' })).toEqual({ state: 'missing' });
  });

  it('calls a server that is away an outage, within seconds', async () => {
    // Port 1 answers nowhere.
    const connection = Connection.lazy({ address: '127.0.0.1:1' });
    const workflows = createTemporalWorkflows({ client: new Client({ connection }), taskQueue: 'q' });
    const before = Date.now();

    await Promise.all([
      expect(workflows.start(anInput(), 3)).rejects.toThrow(Outage),
      expect(workflows.deliver({ ...anInput(), webhookId: 'msg_x_1' }, 1, 3)).rejects.toThrow(Outage),
      expect(workflows.state(anInput())).rejects.toThrow(Outage),
      expect(workflows.ping()).rejects.toThrow(Outage),
    ]);

    expect(Date.now() - before).toBeLessThan(20_000);
    await connection.close();
  });

  it('pings a server that is there', async () => {
    await expect(aClient().ping()).resolves.toBeUndefined();
  });
});

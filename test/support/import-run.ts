import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Priority } from '@temporalio/common';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import type { WorkflowHandleWithStartDetails } from '@temporalio/client';
import { Worker } from '@temporalio/worker';
import { newBatchId } from '../../src/contract/ids.js';
import { WORKFLOWS, importWorkflowId } from '../../src/contract/workflow-names.js';
import type { ImportBatchInput } from '../../src/contract/workflow-names.js';
import type { importBatch } from '../../workflows/import-batch.js';
import type { FakeActivities } from './fake-activities.js';
import { aTaskQueue, type TestTemporal } from './temporal.js';
import { workflowBundle } from './workflow-bundle.js';

export interface ImportRun {
  readonly input: ImportBatchInput;
  readonly handle: WorkflowHandleWithStartDetails<typeof importBatch>;
}

/** Runs `importBatch` on a worker of its own while `body` looks at it. */
export async function withImport(
  temporal: TestTemporal,
  activities: FakeActivities,
  body: (run: ImportRun) => Promise<void>,
  priority: Priority = {},
): Promise<void> {
  const taskQueue = aTaskQueue();
  const worker = await Worker.create({
    connection: temporal.nativeConnection,
    namespace: temporal.namespace,
    identity: 'test-worker',
    taskQueue,
    workflowBundle: await workflowBundle(),
    activities: Object.fromEntries(Object.entries(activities).filter(([, member]) => typeof member === 'function')),
  });
  const batchId = newBatchId();
  const input: ImportBatchInput = { projectId: 'p1', batchId, kind: 'video', itemCount: activities.states.length };
  await worker.runUntil(async () => {
    const handle = await temporal.client.workflow.start<typeof importBatch>(WORKFLOWS.importBatch, {
      taskQueue,
      workflowId: importWorkflowId('p1', batchId),
      args: [input],
      priority,
    });
    await body({ input, handle });
  });
}

/**
 * Keeps the history of a run as a replay fixture when RECORD_HISTORIES names the release that made it; otherwise does nothing.
 * Fixtures are added, never edited.
 */
export async function keepHistory(
  temporal: TestTemporal,
  workflowId: string,
  scenario: string,
  runId?: string,
): Promise<void> {
  const release = process.env['RECORD_HISTORIES'];
  if (release === undefined) return;
  const history = await temporal.client.workflow.getHandle(workflowId, runId).fetchHistory();
  const folder = new URL('../replay/histories/', import.meta.url);
  await mkdir(folder, { recursive: true });
  // Stack traces name the checkout.
  const checkout = fileURLToPath(new URL('../../', import.meta.url));
  await writeFile(new URL(`${scenario}--${release}.json`, folder), historyToJSON(history).replaceAll(checkout, ''));
}

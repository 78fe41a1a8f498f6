import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Priority } from '@temporalio/common';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import type { WorkflowHandleWithStartDetails } from '@temporalio/client';
import { newBatchId } from '../../src/domain/ids.js';
import { WORKFLOWS, importWorkflowId, type ImportBatchInput } from '../../src/temporal/names.js';
import type { importBatch } from '../../workflows/import-batch.js';
import type { FakeActivities } from './fake-activities.js';
import type { TestTemporal } from '../servers/temporal.js';
import { withWorkflowWorker } from './workflow-worker.js';

export interface ImportRun {
  readonly input: ImportBatchInput;
  readonly handle: WorkflowHandleWithStartDetails<typeof importBatch>;
}

/** What a run is started with beside its activities. */
export interface RunOptions {
  readonly priority?: Priority;
  /** Of each item; the import then begins without a plan, as one that a gateway starts. */
  readonly hosts?: readonly string[];
  /** The import begins with pages of so many items. */
  readonly pageSize?: number;
  /** Address of its page: the run then shows counts and troubles in search attributes and memo. */
  readonly page?: string;
  /** The run is started to perform this retry. */
  readonly retry?: number;
}

/** Runs `importBatch` on a worker of its own while `body` looks at it. */
export function withImport(
  temporal: TestTemporal,
  activities: FakeActivities,
  body: (run: ImportRun) => Promise<void>,
  { priority = {}, hosts, pageSize, page, retry }: RunOptions = {},
): Promise<void> {
  const batchId = newBatchId();
  const begins = hosts !== undefined || pageSize !== undefined;
  const first = { pageSize: pageSize ?? 50, ofHost: 16, ...(hosts && { hosts }) };
  const input: ImportBatchInput = {
    ...{ projectId: 'p1', batchId, kind: 'video', itemCount: activities.states.length },
    ...(begins && { first }),
    ...(page !== undefined && { page }),
    ...(retry !== undefined && { retry }),
  };
  return withWorkflowWorker(temporal, activities, async (taskQueue) => {
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

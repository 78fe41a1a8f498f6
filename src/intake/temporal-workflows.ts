import { Client, WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from '@temporalio/client';
import type { WorkflowExecutionDescription, WorkflowStartOptions } from '@temporalio/client';
import { defineSearchAttributeKey } from '@temporalio/common';
import type { BatchFailure } from '../contract/batch.js';
import { DEFAULT_PRIORITY } from '../contract/priority.js';
import {
  STATUS_QUERY,
  WORKFLOWS,
  importWorkflowId,
  webhookWorkflowId,
  type DeliverWebhookInput,
  type ImportBatchInput,
  type ImportProgress,
} from '../contract/workflow-names.js';
import type { ImportWorkflows, WorkflowState } from './import-workflows.js';
import { Outage } from './outage.js';

/** Starting writes to Temporal's database; shorter than the 10 s after which the reconciler starts the batch by itself. */
const START_DEADLINE_MS = 5_000;
/** A status request waits for a busy or absent worker at most this long before MongoDB alone answers. */
const READ_DEADLINE_MS = 2_000;

const PROJECT_ID = defineSearchAttributeKey('ProjectId', 'KEYWORD');
const IMPORT_KIND = defineSearchAttributeKey('ImportKind', 'KEYWORD');
const IMPORT_STATE = defineSearchAttributeKey('ImportState', 'KEYWORD');

const FAILURES: Partial<Record<WorkflowExecutionDescription['status']['name'], BatchFailure>> = {
  CANCELLED: 'cancelled',
  TERMINATED: 'terminated',
  TIMED_OUT: 'timed_out',
  // Ended on its own and yet did not end its batch.
  COMPLETED: 'vanished',
  FAILED: 'vanished',
};

export interface TemporalWorkflowsOptions {
  readonly client: Client;
  readonly taskQueue: string;
  /** Shares of projects in the dispatch of tasks; 1 for who is not named. */
  readonly projectWeights?: ReadonlyMap<string, number>;
  /** Pause before the first attempt at a webhook message, milliseconds; 0 by default. */
  readonly webhookDelayMs?: number;
}

/** ImportWorkflows over a Temporal client. */
export function createTemporalWorkflows(options: TemporalWorkflowsOptions): ImportWorkflows {
  const { client, taskQueue, projectWeights, webhookDelayMs = 0 } = options;
  const { connection } = client;
  // A worker answers queries on ended workflows too, which would make a terminated import look alive forever.
  const reader = new Client({
    connection,
    namespace: client.options.namespace,
    dataConverter: client.options.dataConverter,
    workflow: { queryRejectCondition: 'NOT_OPEN' },
  }).workflow;
  const within = <T>(deadlineMs: number, call: () => Promise<T>): Promise<T> =>
    connection.withDeadline(Date.now() + deadlineMs, call);

  /** Starts a workflow that is started once, however often it is asked for. */
  const startOnce = (
    type: string,
    {
      projectId,
      priorityKey,
      ...options
    }: Pick<WorkflowStartOptions, 'workflowId' | 'args' | 'staticSummary' | 'typedSearchAttributes'> & {
      projectId: string;
      priorityKey: number;
    },
  ) =>
    within(START_DEADLINE_MS, () =>
      client.workflow.start(type, {
        ...options,
        taskQueue,
        workflowIdReusePolicy: 'REJECT_DUPLICATE',
        workflowIdConflictPolicy: 'USE_EXISTING',
        // Inherited by every activity, by the webhook and by runs that continue this one.
        priority: { priorityKey, fairnessKey: projectId, fairnessWeight: projectWeights?.get(projectId) ?? 1 },
      }),
    );

  const state: ImportWorkflows['state'] = async ({ projectId, batchId }) => {
    try {
      const handle = reader.getHandle(importWorkflowId(projectId, batchId));
      return stateOf(await within(READ_DEADLINE_MS, () => handle.describe()));
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return { state: 'missing' };
      throw new Outage('temporal', { cause: error });
    }
  };

  return {
    async start(input, priorityKey) {
      try {
        await startOnce(WORKFLOWS.importBatch, {
          projectId: input.projectId,
          priorityKey,
          workflowId: importWorkflowId(input.projectId, input.batchId),
          args: [input],
          staticSummary: summaryOf(input),
          typedSearchAttributes: [
            { key: PROJECT_ID, value: input.projectId },
            { key: IMPORT_KIND, value: input.kind },
            { key: IMPORT_STATE, value: 'started' },
          ],
        });
      } catch (error) {
        const isThere = error instanceof WorkflowExecutionAlreadyStartedError;
        if (!isThere || (await state(input)).state !== 'running') throw new Outage('temporal', { cause: error });
      }
    },
    async deliver(message, generation, priority) {
      const { projectId, batchId } = message;
      const input: DeliverWebhookInput = { ...message, delayMs: webhookDelayMs, attempt: 1 };
      try {
        await startOnce(WORKFLOWS.deliverWebhook, {
          projectId,
          // As the workflow of the import would start it (`workflows/turns.ts`).
          priorityKey: Math.min(DEFAULT_PRIORITY, priority),
          workflowId: webhookWorkflowId(projectId, batchId, generation),
          args: [input],
          staticSummary: `webhook of ${batchId}`,
        });
      } catch (error) {
        if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw new Outage('temporal', { cause: error });
      }
    },
    progress: ({ projectId, batchId }) =>
      within(READ_DEADLINE_MS, () =>
        reader.getHandle(importWorkflowId(projectId, batchId)).query<ImportProgress>(STATUS_QUERY),
      ),
    state,
    async ping() {
      try {
        await within(READ_DEADLINE_MS, () => connection.workflowService.getSystemInfo({}));
      } catch (error) {
        throw new Outage('temporal', { cause: error });
      }
    },
  };
}

function stateOf({ runId, status }: WorkflowExecutionDescription): WorkflowState {
  const failure = FAILURES[status.name];
  return failure === undefined ? { state: 'running', runId } : { state: 'ended', runId, failure };
}

function summaryOf({ kind, itemCount }: ImportBatchInput): string {
  return `${kind} import, ${itemCount} ${itemCount === 1 ? 'item' : 'items'}`;
}

import {
  Client,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
  type WorkflowExecutionDescription,
  type WorkflowStartOptions,
} from '@temporalio/client';
import { defineSearchAttributeKey } from '@temporalio/common';
import type { Config } from '../config.js';
import { DEFAULT_PRIORITY, type BatchFailure } from '../domain/import.js';
import {
  STATUS_QUERY,
  WORKFLOWS,
  importWorkflowId,
  webhookWorkflowId,
  type DeliverWebhookInput,
  type ImportBatchInput,
  type ImportProgress,
} from './names.js';
import { createImportUpdates, type ImportUpdates } from './import-updates.js';
import { Outage, outageOf, type BatchRef } from './outage.js';

/** Where and how to reach Temporal; an API key means Temporal Cloud, which speaks TLS only. */
export function temporalConnectionOptions(config: Config): { address: string; apiKey?: string; tls?: true } {
  const { TEMPORAL_ADDRESS: address, TEMPORAL_API_KEY: apiKey } = config;
  return apiKey === undefined ? { address } : { address, apiKey, tls: true };
}

export { Outage, outageOf, type BatchRef };

/** What became of the workflow of a batch. `failure` is how a batch ends whose workflow ended like this without telling. */
export type WorkflowState =
  | { readonly state: 'running'; readonly runId: string }
  | { readonly state: 'ended'; readonly runId: string; readonly failure: BatchFailure }
  | { readonly state: 'missing' };

type RetryOutcome = 'told' | 'started' | 'cancelled' | 'no_answer';

/** What the gateway asks of the workflow engine. Every method ends within a few seconds. */
export interface ImportWorkflows extends Pick<ImportUpdates, 'setPaused' | 'cancel'> {
  /**
   * Resolves when the workflow of the batch is durable, no matter which process started it. `priority` is 1 (most urgent) to 5.
   * @throws Outage when that is not known, or when a workflow of this id has ended: it will do nothing more for the batch
   */
  start(input: ImportBatchInput, priority: number): Promise<void>;
  /**
   * Resolves when the workflow that delivers this message is known to exist, no matter which process started it or how it ended.
   * `generation` is that of the message, `priority` that of the batch.
   * @throws Outage
   */
  deliver(message: Omit<DeliverWebhookInput, 'delayMs'>, generation: number, priority: number): Promise<void>;
  /**
   * Has a recorded retry performed, by the run of the import or, after its end, by a new one; asked again, it is performed once.
   * cancelled: the import is being cancelled; no_answer: whether the run has heard of it is not known.
   * @throws Outage
   */
  retry(input: ImportBatchInput & { readonly retry: number }, priority: number): Promise<RetryOutcome>;
  /** @throws Error when the workflow does not answer: ended, missing, no worker, or Temporal unreachable */
  progress(ref: BatchRef): Promise<ImportProgress>;
  /** @throws Outage */
  state(ref: BatchRef): Promise<WorkflowState>;
  /** @throws Outage */
  ping(): Promise<void>;
}

/** Starting writes to Temporal's database; shorter than the 10 s after which the reconciler starts the batch by itself. */
const START_DEADLINE_MS = 5_000;
/** A status request waits for a busy or absent worker at most this long before MongoDB alone answers. */
const READ_DEADLINE_MS = 2_000;

/** An import may end, or begin again, between a look at it and what is done about it; seldom, and not twice in a row. */
const MOST_TRIES = 3;

type StartOptions = Pick<
  WorkflowStartOptions,
  'workflowId' | 'args' | 'staticSummary' | 'staticDetails' | 'typedSearchAttributes'
> &
  Partial<Pick<WorkflowStartOptions, 'memo' | 'workflowIdReusePolicy' | 'workflowIdConflictPolicy'>>;

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
  /** Origin of the service as operators see it: the runs link to the pages of their imports. */
  readonly publicUrl?: string;
  /** Shares of projects in the dispatch of tasks; 1 for who is not named. */
  readonly projectWeights?: ReadonlyMap<string, number>;
  /** Pause before the first attempt at a webhook message, milliseconds; 0 by default. */
  readonly webhookDelayMs?: number;
}

/** ImportWorkflows over a Temporal client. */
export function createTemporalWorkflows(options: TemporalWorkflowsOptions): ImportWorkflows {
  const { client, taskQueue, publicUrl, projectWeights, webhookDelayMs = 0 } = options;
  const { connection } = client;
  const { performRetry, ...updates } = createImportUpdates(client);
  // A worker answers queries on ended workflows too, which would make a terminated import look alive forever.
  const reader = new Client({
    connection,
    namespace: client.options.namespace,
    dataConverter: client.options.dataConverter,
    workflow: { queryRejectCondition: 'NOT_OPEN' },
  }).workflow;
  const within = <T>(deadlineMs: number, call: () => Promise<T>): Promise<T> =>
    connection.withDeadline(Date.now() + deadlineMs, call);

  /** Starts a workflow that is started once, however often it is asked for, unless the options say otherwise. */
  const startWorkflow = (
    type: string,
    {
      projectId,
      priorityKey,
      ...options
    }: StartOptions & {
      projectId: string;
      priorityKey: number;
    },
  ) =>
    within(START_DEADLINE_MS, () =>
      client.workflow.start(type, {
        workflowIdReusePolicy: 'REJECT_DUPLICATE',
        workflowIdConflictPolicy: 'USE_EXISTING',
        ...options,
        taskQueue,
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

  const pageOf = ({ batchId }: ImportBatchInput) =>
    publicUrl === undefined ? {} : { page: `${publicUrl}/ui/imports/${batchId}` };
  const startImport = (input: ImportBatchInput, priorityKey: number, options: Partial<StartOptions> = {}) =>
    startWorkflow(WORKFLOWS.importBatch, {
      projectId: input.projectId,
      priorityKey,
      workflowId: importWorkflowId(input.projectId, input.batchId),
      args: [{ ...input, ...pageOf(input) }],
      staticSummary: summaryOf(input),
      staticDetails: detailsOf(input, pageOf(input).page),
      typedSearchAttributes: [
        { key: PROJECT_ID, value: input.projectId },
        { key: IMPORT_KIND, value: input.kind },
        { key: IMPORT_STATE, value: 'started' },
      ],
      ...options,
    });

  return {
    ...updates,
    retry: createRetry({ state, performRetry, startImport }),
    async start(input, priorityKey) {
      try {
        await startImport(input, priorityKey);
      } catch (error) {
        const isThere = error instanceof WorkflowExecutionAlreadyStartedError;
        if (!isThere || (await state(input)).state !== 'running') throw new Outage('temporal', { cause: error });
      }
    },
    async deliver(message, generation, priority) {
      const { projectId, batchId } = message;
      const input: DeliverWebhookInput = { ...message, delayMs: webhookDelayMs, attempt: 1 };
      try {
        await startWorkflow(WORKFLOWS.deliverWebhook, {
          projectId,
          // As the workflow of the import would start it (`workflows/activity-options.ts`).
          priorityKey: Math.min(DEFAULT_PRIORITY, priority),
          workflowId: webhookWorkflowId(projectId, batchId, generation, message.redelivery),
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

type StartImport = (input: ImportBatchInput, priorityKey: number, options?: Partial<StartOptions>) => Promise<unknown>;

/** Tells a running import of a retry, or starts the run that performs it. */
function createRetry(deps: {
  readonly state: ImportWorkflows['state'];
  readonly performRetry: ImportUpdates['performRetry'];
  readonly startImport: StartImport;
}): ImportWorkflows['retry'] {
  /** Answers false when a run was there before. */
  const startRetry = async (input: ImportBatchInput, priorityKey: number, retryOf?: string): Promise<boolean> => {
    try {
      await deps.startImport(input, priorityKey, {
        workflowIdReusePolicy: 'ALLOW_DUPLICATE',
        workflowIdConflictPolicy: 'FAIL',
        memo: { retry: input.retry, ...(retryOf !== undefined && { retryOf }) },
      });
      return true;
    } catch (error) {
      if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
      throw new Outage('temporal', { cause: error });
    }
  };

  return async (input, priorityKey) => {
    for (let tries = 0; tries < MOST_TRIES; tries += 1) {
      const run = await deps.state(input);
      if (run.state === 'running') {
        const outcome = await deps.performRetry(input, input.retry);
        if (outcome !== 'ended' && outcome !== 'ending') return outcome;
      } else if (await startRetry(input, priorityKey, run.state === 'missing' ? undefined : run.runId))
        return 'started';
    }
    return 'no_answer';
  };
}

function stateOf({ runId, status }: WorkflowExecutionDescription): WorkflowState {
  const failure = FAILURES[status.name];
  return failure === undefined ? { state: 'running', runId } : { state: 'ended', runId, failure };
}

/** Tells what the run is, in Markdown. */
function detailsOf({ projectId, batchId, retry }: ImportBatchInput, page?: string): string {
  const why = retry === undefined ? '' : ` It performs retry ${retry} of an import that had ended.`;
  const link = page === undefined ? '' : ` [Its page](${page}) shows items, failures and actions.`;
  return `Import \`${batchId}\` of project \`${projectId}\`.${why}${link}`;
}

function summaryOf({ kind, itemCount }: ImportBatchInput): string {
  return `${kind} import, ${itemCount} ${itemCount === 1 ? 'item' : 'items'}`;
}

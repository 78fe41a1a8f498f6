import {
  Client,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
  type WorkflowExecutionDescription,
  type WorkflowStartOptions,
} from '@temporalio/client';
import { defineSearchAttributeKey } from '@temporalio/common';
import type { Config } from '../config.js';
import { ImportError } from '../domain/errors.js';
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

/** Where and how to reach Temporal; an API key means Temporal Cloud, which speaks TLS only. */
export function temporalConnectionOptions(config: Config): { address: string; apiKey?: string; tls?: true } {
  const { TEMPORAL_ADDRESS: address, TEMPORAL_API_KEY: apiKey } = config;
  return apiKey === undefined ? { address } : { address, apiKey, tls: true };
}

export interface BatchRef {
  readonly projectId: string;
  readonly batchId: string;
}

/** What became of the workflow of a batch. `failure` is how a batch ends whose workflow ended like this without telling. */
export type WorkflowState =
  | { readonly state: 'running'; readonly runId: string }
  | { readonly state: 'ended'; readonly runId: string; readonly failure: BatchFailure }
  | { readonly state: 'missing' };

/** What the gateway asks of the workflow engine. Every method ends within a few seconds. */
export interface ImportWorkflows {
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
  /** @throws Error when the workflow does not answer: ended, missing, no worker, or Temporal unreachable */
  progress(ref: BatchRef): Promise<ImportProgress>;
  /** @throws Outage */
  state(ref: BatchRef): Promise<WorkflowState>;
  /** @throws Outage */
  ping(): Promise<void>;
}

export type Dependency = 'mongodb' | 'temporal' | 'blobs';

/** A server that the gateway needs did not answer. The request may be repeated later. */
export class Outage extends Error {
  override readonly name = 'Outage';
  constructor(
    readonly dependency: Dependency,
    options?: ErrorOptions,
  ) {
    super(`${dependency} cannot be reached`, options);
  }
}

/**
 * The driver's names for "no usable connection to a writable server", told by name because only the store knows the driver.
 * Anything else it throws is a bug or a refusal, and must not be dressed up as an outage.
 */
const MONGODB_OUTAGES =
  /^Mongo(?:ServerSelection|Network|NetworkTimeout|NotConnected|TopologyClosed|PoolCleared|PoolClosed|WaitQueueTimeout|OperationTimeout|ConnectionPoolClosed)Error$/;

/** The names under which the driver hands on what a server answered: to a command, to a bulk of writes. */
const MONGODB_ANSWERS = /^Mongo(?:Server|BulkWrite)Error$/;

/**
 * Server codes that say "not here, not now". Of a member that is no primary, shuts down or takes part in an election: the SDAM
 * specification of drivers. Of connections and time limits within the cluster: their specification of retryable reads and writes.
 */
const NOT_NOW = new Set([
  6, // HostUnreachable
  7, // HostNotFound
  43, // CursorNotFound: cursors die with their primary
  50, // MaxTimeMSExpired
  64, // WriteConcernTimeout
  89, // NetworkTimeout
  91, // ShutdownInProgress
  133, // FailedToSatisfyReadPreference
  134, // ReadConcernMajorityNotAvailableYet
  189, // PrimarySteppedDown
  262, // ExceededTimeLimit
  365, // TemporarilyUnavailable
  9001, // SocketException
  10058, // LegacyNotPrimary
  10107, // NotWritablePrimary
  11600, // InterruptedAtShutdown
  11602, // InterruptedDueToReplStateChange
  13435, // NotPrimaryNoSecondaryOk
  13436, // NotPrimaryOrSecondary
]);

/** By these a server, or the driver, says that the same request may succeed in a moment, whatever the code. */
const REPEATABLE = ['RetryableWriteError', 'SystemOverloadedError'];

/** Which server was unreachable when this error was thrown, looking through its causes; null when none was. */
export function outageOf(error: unknown): Dependency | null {
  for (let current = error, depth = 0; current instanceof Error && depth < 5; current = current.cause, depth++) {
    if (current instanceof Outage) return current.dependency;
    if (current instanceof ImportError && current.code === 'storage_failed') return 'blobs';
    if (isMongodbOutage(current)) return 'mongodb';
  }
  return null;
}

function isMongodbOutage(error: Error & { readonly code?: unknown; readonly errorLabels?: unknown }): boolean {
  if (MONGODB_OUTAGES.test(error.name)) return true;
  // The write is there, and may be lost again: nothing but a repetition can tell.
  if (error.name === 'MongoWriteConcernError') return true;
  if (!MONGODB_ANSWERS.test(error.name)) return false;
  const labels = Array.isArray(error.errorLabels) ? error.errorLabels : [];
  return NOT_NOW.has(Number(error.code)) || REPEATABLE.some((label) => labels.includes(label));
}

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

function stateOf({ runId, status }: WorkflowExecutionDescription): WorkflowState {
  const failure = FAILURES[status.name];
  return failure === undefined ? { state: 'running', runId } : { state: 'ended', runId, failure };
}

function summaryOf({ kind, itemCount }: ImportBatchInput): string {
  return `${kind} import, ${itemCount} ${itemCount === 1 ? 'item' : 'items'}`;
}

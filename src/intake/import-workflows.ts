import type { BatchFailure } from '../contract/batch.js';
import type { DeliverWebhookInput, ImportBatchInput, ImportProgress } from '../contract/workflow-names.js';

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

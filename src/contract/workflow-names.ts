import type { CollectedBytes, CollectedRecords } from './activity-types.js';
import type { Kind } from './kinds.js';

/** Names that are wire format between gateway, worker and every stored history. Changing one needs a new type or `patched()`. */
export const WORKFLOWS = {
  importBatch: 'importBatch',
  deliverWebhook: 'deliverWebhook',
  collectGarbage: 'collectGarbage',
} as const;
export const STATUS_QUERY = 'status';

/** The workflow of one batch. */
export function importWorkflowId(projectId: string, batchId: string): string {
  return `import/${projectId}/${batchId}`;
}

/**
 * The workflow that delivers one webhook message of a batch; it outlives the import. `generation` is that of the message: the end
 * after a reset is a message of its own, beside which the one before may still be under way.
 */
export function webhookWorkflowId(projectId: string, batchId: string, generation = 1): string {
  const first = `webhook/${projectId}/${batchId}`;
  return generation === 1 ? first : `${first}/${generation}`;
}

/** The Schedule that collects garbage; Temporal adds the time of each run to the name of its workflow. */
export const GARBAGE_SCHEDULE = 'collect-garbage';
/** The workflow of a collection that an operator asked for; one at a time. */
export const GARBAGE_WORKFLOW_NOW = 'collect-garbage/now';

/** Search attributes, registered when the server starts; they hold ids and states only. */
export const SEARCH_ATTRIBUTES = { ProjectId: 'Keyword', ImportKind: 'Keyword', ImportState: 'Keyword' } as const;

/** All that a workflow is told: a claim check. URLs, headers, metadata and context stay in MongoDB. */
export interface ImportBatchInput {
  readonly projectId: string;
  readonly batchId: string;
  readonly kind: Kind;
  readonly itemCount: number;
  /** Set by continue-as-new only. */
  readonly resume?: ImportProgress;
}

export interface Counts {
  readonly total: number;
  readonly open: number;
  readonly success: number;
  readonly skipped: number;
  readonly failed: number;
}

/** What the workflow knows about its batch; the answer of the status query and what continue-as-new carries on. */
export interface ImportProgress {
  /** ISO 8601. */
  readonly startedAt: string;
  readonly round: number;
  readonly counts: Counts;
  readonly bytes: number;
  /** The first item of the round that has not been planned yet. */
  readonly nextSeq: number;
}

export interface DeliverWebhookInput {
  readonly projectId: string;
  readonly batchId: string;
  readonly webhookId: string;
  /** Pause before the first attempt, milliseconds. */
  readonly delayMs: number;
}

/** What a collection removed. */
export interface CollectedGarbage extends CollectedRecords {
  readonly blobs: CollectedBytes;
  readonly parts: CollectedBytes;
}

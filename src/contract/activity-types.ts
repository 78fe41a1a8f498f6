import type { BatchCounts, BatchState } from './batch.js';
import type { DeliveryState } from './delivery.js';
import type { ItemState } from './item.js';

/** Names one batch in every activity input. */
interface BatchRef {
  readonly projectId: string;
  readonly batchId: string;
}

export interface PlanRoundInput extends BatchRef {
  /** 0 starts a round; otherwise the `nextSeq` of the plan before. */
  readonly fromSeq: number;
}

/** An item that gets an activity of its own. `host` is shown in the Temporal UI. */
interface PlannedItem {
  readonly seq: number;
  readonly host: string;
}

/** What to do next in a round. A plan with neither pages nor items says how long to wait. */
export interface RoundPlan {
  /** The batch is not there any more: its POST was refused after all. */
  readonly missing: boolean;
  /** Of the whole batch in a plan that starts a round; in one that goes on with it only whether `open` is 0 says anything. */
  readonly totals: BatchCounts & { readonly open: number; readonly bytes: number };
  /** Inclusive ranges of item numbers to sweep, at most one page each. */
  readonly pages: readonly (readonly [from: number, to: number])[];
  readonly items: readonly PlannedItem[];
  /** Where the round goes on; 0 when this plan ends it. */
  readonly nextSeq: number;
  /** Milliseconds until the earliest item is due, when nothing is. */
  readonly waitMs: number;
}

export interface SweepPageInput extends BatchRef {
  readonly fromSeq: number;
  readonly toSeq: number;
}

/** What a sweep settled; what it could not settle stays open for the next round. */
export interface SweepResult extends BatchCounts {
  readonly bytes: number;
}

export interface ImportItemInput extends BatchRef {
  readonly seq: number;
}

export interface ItemResult {
  /** `open` when the next attempt is so far off that the lane is better used for others meanwhile. */
  readonly state: ItemState;
  readonly bytes: number;
}

export interface FinishBatchInput extends BatchRef {
  readonly outcome: 'success' | 'cancelled';
}

export interface FinishResult {
  readonly state: BatchState;
  readonly counts: BatchCounts;
  /** The message to deliver, null when the client gave no webhook. */
  readonly webhook: { readonly webhookId: string; readonly delayMs: number } | null;
}

export interface AttemptWebhookInput extends BatchRef {
  readonly webhookId: string;
  /** 1 for the first. */
  readonly attempt: number;
}

export interface WebhookAttemptResult {
  readonly state: DeliveryState;
  /** Milliseconds until the next attempt while `pending`. */
  readonly delayMs: number;
}

/** Nothing to say: what is garbage follows from the stores and the configuration of the worker. */
type CollectInput = Readonly<Record<string, never>>;

/** Removed blobs, or removed parts. */
export interface CollectedBytes {
  readonly count: number;
  readonly bytes: number;
}

/** Removed records. */
export interface CollectedRecords {
  readonly batches: number;
  /** Of the removed batches. */
  readonly items: number;
  readonly idempotencyKeys: number;
}

/** What one call removed; `more` asks for another one. */
export interface CollectRecordsResult extends CollectedRecords {
  readonly more: boolean;
}

/** Activity names are wire format: every stored history names them. */
export interface Activities {
  planRound(input: PlanRoundInput): Promise<RoundPlan>;
  sweepPage(input: SweepPageInput): Promise<SweepResult>;
  importItem(input: ImportItemInput): Promise<ItemResult>;
  finishBatch(input: FinishBatchInput): Promise<FinishResult>;
  attemptWebhook(input: AttemptWebhookInput): Promise<WebhookAttemptResult>;
  collectBlobs(input: CollectInput): Promise<CollectedBytes>;
  collectParts(input: CollectInput): Promise<CollectedBytes>;
  collectRecords(input: CollectInput): Promise<CollectRecordsResult>;
}

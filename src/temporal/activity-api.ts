import type { BatchCounts, BatchState } from '../domain/import.js';
import type { DeliveryState } from '../domain/delivery.js';
import type { ReasonCode } from '../domain/errors.js';
import type { ItemState } from '../domain/item.js';

/** Names one batch in every activity input. */
interface BatchRef {
  readonly projectId: string;
  readonly batchId: string;
}

/** Of the workflows before 0.3.0, which went over their items in rounds. */
export interface PlanRoundInput extends BatchRef {
  /** 0 starts a round; otherwise the `nextSeq` of the plan before. */
  readonly fromSeq: number;
}

/** An item that gets an activity of its own. `host` is shown in the Temporal UI. */
export interface PlannedItem {
  readonly seq: number;
  readonly host: string;
  /** It is large or slow, and gets a place for long downloads. */
  readonly own?: boolean;
}

/** What to do next in a round, for workflows before 0.3.0. A plan with neither pages nor items says how long to wait. */
export interface RoundPlan {
  /** The batch is not there any more: its POST was refused after all. */
  readonly missing: boolean;
  /** Of the whole batch in a plan that starts a round; in one that continues it only whether `open` is 0 says anything. */
  readonly totals: ItemTotals;
  /** Inclusive ranges of item numbers to sweep, at most one page each. */
  readonly pages: readonly (readonly [from: number, to: number])[];
  readonly items: readonly PlannedItem[];
  /** Where the round continues; 0 when this plan ends it. */
  readonly nextSeq: number;
  /** Milliseconds until the earliest item is due, when nothing is. */
  readonly waitMs: number;
}

type ItemTotals = BatchCounts & { readonly open: number; readonly bytes: number };

/** Why items of an import fail. */
export interface Trouble {
  readonly code: ReasonCode;
  readonly host: string;
  readonly count: number;
}

export interface PlanWorkInput extends BatchRef {
  /** Whether the most frequent failures are wanted. */
  readonly troubles?: boolean;
  /** Only items before this one are looked at: those from here on were never tried, and are taken without a plan. */
  readonly beforeSeq: number;
  /** What the workflow knows already, and is left out. */
  readonly known: {
    readonly seqs: readonly number[];
    readonly pages: readonly (readonly [from: number, to: number])[];
    /** Hosts of which there are enough pages. */
    readonly hosts: readonly string[];
  };
  /** Whether the totals are wanted: counting reads every item of the batch. */
  readonly count: boolean;
}

/** What may be tried now of a batch. */
export interface WorkPlan {
  /** The batch is not there any more: its POST was refused after all. */
  readonly missing: boolean;
  readonly totals: ItemTotals | null;
  /** The most frequent failures, when they were asked for. */
  readonly troubles?: readonly Trouble[];
  /** Inclusive ranges of item numbers; with a host when all that is due in it is of that one. */
  readonly pages: readonly (readonly [from: number, to: number, host?: string | undefined])[];
  readonly items: readonly PlannedItem[];
  /** There is more to do now than this plan holds. */
  readonly more: boolean;
  /** Milliseconds until the earliest of the items that may not be tried now; null when there is none. */
  readonly waitMs: number | null;
  /** How many single items of one host are worth starting at a time. */
  readonly ofHost: number;
  readonly tookMs: number;
}

export interface SweepPageInput extends BatchRef {
  readonly fromSeq: number;
  readonly toSeq: number;
}

/** What a page settled; the rest stays open. */
export interface SweepResult extends BatchCounts {
  readonly bytes: number;
  /** Absent when the page settled all that it found. */
  readonly left?: {
    readonly count: number;
    /** Of these, items that need an activity of their own. */
    readonly own: number;
    /** Of these, items whose host had no slot free. */
    readonly full: number;
    /** Milliseconds until some of them may be tried. */
    readonly dueMs: number;
  };
  /** The batch has ended without this run: it has to be opened again first. */
  readonly hasEnded?: boolean;
}

export interface ImportItemInput extends BatchRef {
  readonly seq: number;
  /** The activity has a place for long downloads. */
  readonly own?: boolean;
  /** The only item of its import, which the activity ends with it; when the run began. */
  readonly finishes?: { readonly startedAt: string };
}

export interface ItemResult {
  readonly state: ItemState;
  readonly bytes: number;
  /**
   * Why it is still open. retry: the attempt failed, and there is another one in `dueMs`; needs_own: it is too long for this place;
   * host_full: its host had no slot free; host_rests: its host may not be asked for `restMs`.
   */
  readonly why?: 'retry' | 'needs_own' | 'host_full' | 'host_rests';
  readonly code?: ReasonCode;
  /** Attempts that have concluded. */
  readonly attempt?: number;
  readonly dueMs?: number;
  /** How long the host may not be asked. */
  readonly restMs?: number;
  /** The host has failed for as long as an item is tried: none of its items needs to wait any longer. */
  readonly isHopeless?: boolean;
  /** How the import ended with this item, when it was asked to. */
  readonly finished?: FinishResult;
  /** The batch has ended without this run: it has to be opened again first. */
  readonly hasEnded?: boolean;
  /** There is no such batch any more. */
  readonly missing?: boolean;
}

export interface FinishBatchInput extends BatchRef {
  readonly outcome: 'success' | 'cancelled';
  /** When the first run began, for imports whose start no gateway could note. */
  readonly startedAt?: string;
  /** Answer how many items are open, instead of throwing, when the batch cannot end. */
  readonly mayBeOpen?: boolean;
}

export interface FinishResult {
  readonly state: BatchState;
  readonly counts: BatchCounts;
  /** The most frequent failures; absent when no item failed. */
  readonly failures?: readonly Trouble[];
  /** The message to deliver, null when the client gave no webhook. */
  readonly webhook: { readonly webhookId: string; readonly delayMs: number; readonly generation?: number } | null;
  /** Set when the batch has not ended, because so many items are open. */
  readonly open?: number;
}

export interface AttemptWebhookInput extends BatchRef {
  readonly webhookId: string;
  /** 1 for the first. */
  readonly attempt: number;
  /** Absent for the first delivery of the message. */
  readonly redelivery?: number;
  /** The import itself attempts; all later attempts are those of a workflow that is still to be started. */
  readonly isByImport?: boolean;
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

export interface MarkPausedInput extends BatchRef {
  /** Since when the import is paused, ISO 8601; null when it is not. */
  readonly since: string | null;
}

export interface ReopenFailedInput extends BatchRef {
  /** The number of the retry; what it is about is in the database. */
  readonly retry: number;
}

export interface ReopenFailedResult {
  /** missing: there is no such batch; ended: it has ended and stays so, because the retry was performed or withdrawn before. */
  readonly outcome: 'open' | 'ended' | 'missing';
  /** Items that are open again. */
  readonly reopened: number;
  readonly totals: ItemTotals;
}

export interface ProbeMediaInput {
  /** The `next` of the collection before. */
  readonly after: string;
}

/** Media that were looked into. */
export interface ProbedMedia {
  readonly count: number;
  /** Where the next collection continues: an id, or the empty text to begin again. */
  readonly next: string;
}

/** Activity names are wire format: every stored history names them. */
export interface Activities {
  planRound(input: PlanRoundInput): Promise<RoundPlan>;
  planWork(input: PlanWorkInput): Promise<WorkPlan>;
  sweepPage(input: SweepPageInput): Promise<SweepResult>;
  importItem(input: ImportItemInput): Promise<ItemResult>;
  finishBatch(input: FinishBatchInput): Promise<FinishResult>;
  markPaused(input: MarkPausedInput): Promise<void>;
  reopenFailed(input: ReopenFailedInput): Promise<ReopenFailedResult>;
  attemptWebhook(input: AttemptWebhookInput): Promise<WebhookAttemptResult>;
  collectBlobs(input: CollectInput): Promise<CollectedBytes>;
  collectParts(input: CollectInput): Promise<CollectedBytes>;
  collectRecords(input: CollectInput): Promise<CollectRecordsResult>;
  probeMedia(input: ProbeMediaInput): Promise<ProbedMedia>;
}

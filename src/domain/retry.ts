import type { ReasonCode, SkipCode } from './errors.js';
import type { Batch } from './import.js';
import type { Item, ItemHeaders } from './item.js';

/** Which failed items of an import a retry is about: those that match every selector given. None given matches all of them. */
export interface RetrySelector {
  readonly codes?: readonly string[];
  readonly hosts?: readonly string[];
  readonly externalIds?: readonly string[];
  readonly seqs?: readonly number[];
}

/** What a retry changes about one item before it is tried again. */
export interface ItemChange {
  readonly seq: number;
  /** Replaces the URL; `host` is its host name. */
  readonly source?: { readonly url: string; readonly host: string };
  /** Sent to the origin of the item's URL. */
  readonly headers?: ItemHeaders;
}

/** A retry that a client asked for. It is recorded before anything is done about it. */
export interface Retry {
  readonly projectId: string;
  readonly batchId: string;
  /** 1 for the first of the import. */
  readonly number: number;
  readonly selector: RetrySelector;
  readonly changes: readonly ItemChange[];
  /** The action that asked for it: the same action asks for the same retry. */
  readonly actionId: string;
  /** Failed items that matched when it was recorded. */
  readonly matched: number;
}

export type RetryRef = Pick<Retry, 'projectId' | 'batchId' | 'number'>;

/** A failed item that a retry matches. */
export type FailedItem = Pick<Item, 'seq' | 'externalId' | 'host' | 'attempts'> & {
  readonly code?: ReasonCode | SkipCode;
  readonly reason?: string;
};

/**
 * Why a failed item is not retried. superseded: a newer import has written its media since; source_removed: its URL is not stored any
 * more.
 */
export type NotEligible = 'superseded' | 'source_removed';

/** Failed items that match a selector, a thousand of them at most. */
interface RetryChunk {
  readonly eligible: readonly FailedItem[];
  readonly notEligible: readonly { readonly why: NotEligible; readonly item: FailedItem }[];
  /** Where the next chunk begins; null when there is none. */
  readonly nextSeq: number | null;
}

export interface RetryStore {
  /**
   * Failed items from `fromSeq` on that match, in request order. Items with a new source are eligible whatever became of the old one.
   * @param before leaves out items that the retry of this number, or a later one, has opened already
   */
  match(
    batch: Pick<Batch, '_id' | 'projectId' | 'systemName' | 'importSeq'>,
    wanted: Pick<Retry, 'selector' | 'changes'>,
    fromSeq: number,
    before?: number,
  ): Promise<RetryChunk>;
  /** The next number of the import. */
  nextNumber(batchId: string): Promise<number>;
  /** Records a retry, as pending. */
  record(retry: Retry): Promise<void>;
  /** The retry that an action has recorded, pending or not. */
  findByAction(batchId: string, actionId: string): Promise<Pick<Retry, 'number' | 'matched'> | null>;
  /** A retry that is still to be performed; null when there is none of this number, or when it was performed or withdrawn. */
  findPending(ref: RetryRef): Promise<Retry | null>;
  /** Pending retries that were recorded before the given time, oldest first. */
  listPending(before: Date, limit: number): Promise<readonly RetryRef[]>;
  /**
   * Opens failed items again, with a fresh budget of attempts. Doing it again opens none twice, also when one has failed again
   * meanwhile. Answers how many it has opened.
   */
  reopenItems(retry: Retry, items: readonly FailedItem[]): Promise<number>;
  /** The retry was performed. What it changed is in the items, and forgotten here. */
  complete(ref: RetryRef): Promise<void>;
  /** The import was cancelled: what is pending will not be performed. */
  withdrawPending(batchId: string): Promise<void>;
  removeAll(batchId: string): Promise<void>;
}

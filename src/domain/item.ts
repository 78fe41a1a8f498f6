import type { ReasonCode, SkipCode, Stage } from './errors.js';

export type ItemState = 'open' | 'success' | 'skipped' | 'failed';
export type MediaAction = 'created' | 'updated' | 'unchanged';

/** One try at an item, as operators see it. */
export interface ItemAttempt {
  readonly at: Date;
  readonly stage: Stage;
  readonly code?: ReasonCode;
  readonly httpStatus?: number;
  readonly contentType?: string;
  /** Bytes of the body that were received. */
  readonly bytes?: number;
  readonly durationMs: number;
}

/** What the client asked for: the part of an item that never changes. */
export interface ItemSpec {
  readonly seq: number;
  readonly url: string;
  readonly externalId: string;
  readonly fileName: string;
  readonly metadata: Record<string, unknown>;
  /** The handle of a configured media type. */
  readonly mediaType: string;
  /** Host name of `url`, the only part of it that may be shown. */
  readonly host: string;
}

/** Request headers of an item, by name in lower case. */
export type ItemHeaders = Readonly<Record<string, string>>;

/** A document of the `items` collection; `_id` is `<batchId>:<seq, 8 digits>`, so that its order is the order of the request. */
export interface Item extends ItemSpec {
  readonly _id: string;
  readonly batchId: string;
  readonly projectId: string;
  readonly state: ItemState;
  /** Concluded attempts. A crash concludes nothing, so it uses up none. */
  readonly attempts: number;
  /** Those of them that were made before the latest retry, and do not count any more. */
  readonly attemptsBefore?: number;
  /** The latest retry that has opened it again. */
  readonly retried?: number;
  /** The retry that gave it its URL; absent for the URL that was posted. */
  readonly urlOfRetry?: number;
  /** Headers that a retry gave it, for its own origin only; null when they cannot be decrypted. Gone when the item is settled. */
  readonly headers?: ItemHeaders | null;
  /** Too large or too slow for a sweep: runs as an activity of its own. */
  readonly solo?: boolean;
  /** Attempts that were begun and ended with their process; absent while none is suspected. */
  readonly interrupted?: number;
  /** Its metadata is large, and is read when the item is tried. */
  readonly isLarge?: boolean;
  readonly nextAttemptAt?: Date;
  readonly code?: ReasonCode | SkipCode;
  readonly reason?: string;
  readonly mediaId?: string;
  readonly action?: MediaAction;
  readonly sha256?: string;
  readonly bytes?: number;
  readonly mimeType?: string;
  readonly width?: number;
  readonly height?: number;
  readonly lastAttempt?: ItemAttempt;
  readonly updatedAt: Date;
}

/** What the published list of a finished import shows of an item, and its place. */
export type ListedItem = Pick<
  Item,
  'seq' | 'externalId' | 'state' | 'code' | 'reason' | 'mediaId' | 'sha256' | 'mimeType' | 'width' | 'height'
>;

/** What operators see of an item: all but what may be secret or large. */
export type ShownItem = Omit<
  Item,
  | '_id'
  | 'batchId'
  | 'projectId'
  | 'url'
  | 'fileName'
  | 'metadata'
  | 'mediaType'
  | 'attemptsBefore'
  | 'retried'
  | 'urlOfRetry'
  | 'headers'
  | 'solo'
  | 'interrupted'
  | 'isLarge'
  | 'width'
  | 'height'
>;

/** Characters of a reason that are kept and shown: ten sentences and more, where the problems of one metadata came to megabytes. */
const MAX_REASON_LENGTH = 2_000;

/** A reason that is too long ends in an ellipsis. */
export function cappedReason(reason: string, most = MAX_REASON_LENGTH): string {
  if (reason.length <= most) return reason;
  // Not in the middle of a pair of surrogates.
  return `${reason.slice(0, most - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;
}

/** Keys, numbers, times and hashes of a shown item as JSON; all else is text of some length. */
const FIXED_BYTES = 600;

/** About the bytes of a shown item as JSON; at most `MAX_SHOWN_BYTES`. */
export function shownBytes({ externalId, reason = '', host, mimeType = '', lastAttempt }: ShownItem): number {
  const texts = [externalId, reason, host, mimeType, lastAttempt?.contentType ?? ''];
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text), FIXED_BYTES);
}

/** An id of 500 and a reason of 2,000 characters, at 3 bytes each, and types as long as a source may send them. */
export const MAX_SHOWN_BYTES = 24 * 1024;

/** What attempts at the item keep of its body is named by this: another URL begins anew. */
export function partKeyOf({ _id, urlOfRetry }: Pick<Item, '_id' | 'urlOfRetry'>): string {
  return urlOfRetry === undefined ? _id : `${_id}-${urlOfRetry}`;
}

/** Items of a batch, more than one request can bring. */
export const MOST_ITEMS = 100_000_000;

/** The `_id` of an item: zero-padded so that string order is request order, up to `MOST_ITEMS` a batch. */
export function itemKey(batchId: string, seq: number): string {
  return `${batchId}:${String(seq).padStart(8, '0')}`;
}

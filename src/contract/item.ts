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

/** A document of the `items` collection; `_id` is `<batchId>:<seq, 8 digits>`, so that its order is the order of the request. */
export interface Item extends ItemSpec {
  readonly _id: string;
  readonly batchId: string;
  readonly projectId: string;
  readonly state: ItemState;
  /** Concluded attempts. A crash concludes nothing, so it uses up none. */
  readonly attempts: number;
  /** Too large or too slow for a sweep: runs as an activity of its own. */
  readonly solo?: boolean;
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

/** Items of a batch, more than one request can bring. */
export const MOST_ITEMS = 100_000_000;

/** The `_id` of an item: zero-padded so that string order is request order, up to `MOST_ITEMS` a batch. */
export function itemKey(batchId: string, seq: number): string {
  return `${batchId}:${String(seq).padStart(8, '0')}`;
}

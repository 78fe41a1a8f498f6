import type { ActionStore } from '../domain/action.js';
import type { DeliveryStore } from '../domain/delivery.js';
import type { ReasonCode, SkipCode } from '../domain/errors.js';
import type { HostStore } from '../domain/host.js';
import type { Batch, BatchCounts, BatchFailure, Kind, ShownState } from '../domain/import.js';
import type { Item, ItemAttempt, ItemSpec, ItemState, ListedItem, MediaAction, ShownItem } from '../domain/item.js';
import type { Asset } from '../domain/media.js';
import type { RetryStore } from '../domain/retry.js';
import type { RemovalNoticeStore } from '../domain/removal-notice.js';
import type { MediaStore } from './media-store.js';

/** What a POST with a key meets: the key is its own now (`new`), or an earlier POST has claimed it. */
export type KeyClaim =
  | { readonly outcome: 'new' }
  | { readonly outcome: 'busy'; readonly bodyHash: string | null }
  | ({ readonly outcome: 'complete' | 'lapsed' } & KeyBefore);

/** The POST that a key was claimed by before. */
export interface KeyBefore {
  readonly batchId: string;
  /** Null while its body has not been read to its end. */
  readonly bodyHash: string | null;
}

/** Claims and their leases are measured by the clock of the database, whatever those of the gateways say. */
export interface IdempotencyKeyStore {
  /**
   * Claims (project, key) for a batch id, for 24 h. `complete`: the key leads to a durable batch; `busy`: its POST is still being handled;
   * `lapsed`: its POST was not completed in 60 s. When the batch of that one turns out not to be accepted, `releaseLapsed` frees the
   * key, and it can be claimed anew for another batch. A POST that was only slow finds out when it seals.
   * @param bodyHash null for a body that is still to be read; `seal` tells it then
   */
  claim(projectId: string, key: string, bodyHash: string | null, batchId: string): Promise<KeyClaim>;
  /**
   * To be called before the batch is accepted: tells the hash of the body that the key was claimed for, and answers false when the
   * claim is no longer that of this batch, so that it must not be accepted.
   */
  seal(projectId: string, key: string, batchId: string, bodyHash: string): Promise<boolean>;
  /** The POST that claimed the key for this batch is still being handled. */
  renew(projectId: string, key: string, batchId: string): Promise<void>;
  /** The import of this batch is durable. A key that has come to belong to another batch meanwhile stays as it is. */
  complete(projectId: string, key: string, batchId: string): Promise<void>;
  /** Frees the key of a POST that was refused, unless another POST uses it for another batch by now. */
  release(projectId: string, key: string, batchId: string): Promise<void>;
  /** Frees a key whose claim for this batch has lapsed and that no POST has taken over meanwhile. */
  releaseLapsed(projectId: string, key: string, batchId: string): Promise<void>;
  /** How many keys have expired and could be removed. */
  countExpired(): Promise<number>;
  /** Removes expired keys and answers how many, or fewer: the database's own expiry, or a try whose answer got lost, was there first. */
  removeExpired(): Promise<number>;
}

/** Which imports of a project are listed; what is absent does not matter. */
export interface BatchFilter {
  readonly state?: ShownState;
  readonly kind?: Kind;
  readonly systemName?: string;
  readonly troubled?: true;
}

/** What a list shows of an import: all but what may be large. */
export type ListedBatch = Omit<Batch, 'context' | 'webhook'>;

export interface BatchStore {
  /** The next number of the project's order of acceptance: strictly rising, gaps allowed. */
  nextImportSeq(projectId: string): Promise<number>;
  insert(batch: Batch): Promise<void>;
  /** Tells the reconciler that the batch is still being stored; a batch that was given up stays given up. */
  touch(batchId: string): Promise<void>;
  /**
   * storing → accepted, under a number from `nextImportSeq` that is drawn for this call. Answers false when the batch was given up or is
   * gone: its items may be incomplete then.
   */
  markAccepted(batchId: string, accepted: Pick<Batch, 'itemCount' | 'importSeq'>): Promise<boolean>;
  /**
   * Gives a storing batch up, unless it was touched since it was read: from then on it cannot be accepted, so its items may be
   * removed. Answers whether it is given up.
   */
  giveUp(batch: Pick<Batch, '_id' | 'touchedAt'>): Promise<boolean>;
  /** accepted → started; a batch that is further on, or that was refused, stays as it is. */
  markStarted(batchId: string, at: Date): Promise<void>;
  /**
   * Takes an acceptance back: storing, accepted → storing, so that half-stored batches can be removed at once. Answers false
   * when the workflow has begun, which makes the batch durable whatever the gateway heard of it.
   */
  refuse(batchId: string): Promise<boolean>;
  find(projectId: string, batchId: string): Promise<Batch | null>;
  /**
   * Batches of a project that are known to its clients, the one that was accepted last first.
   * @param beforeSeq the `importSeq` of the last one of the page before
   */
  list(
    projectId: string,
    page: { readonly beforeSeq: number; readonly limit: number },
    filter?: BatchFilter,
  ): Promise<ListedBatch[]>;
  /** Notes that an item of an open batch has failed or failed an attempt, or that it waits for a host. Written once a minute at most. */
  markTroubled(batch: Pick<Batch, '_id' | 'troubled'>): Promise<void>;
  /**
   * Ends a batch that has not ended: a second end changes nothing. Answers the batch as it stands afterwards, null when there
   * is none.
   * @param leased ends the batch only when nothing has reopened it since its lease was taken (see `beginEnd`)
   */
  finish(
    projectId: string,
    batchId: string,
    end: {
      state: 'success' | 'failed';
      failure?: BatchFailure;
      endedRunId?: string;
      counts: BatchCounts;
      bytes: number;
      at: Date;
      /** When the import began, where no gateway has noted it. */
      startedAt?: Date;
    },
    leased?: Pick<Batch, 'reopened'>,
  ): Promise<Batch | null>;
  /** Batches of a project that have not ended and are known to its clients, in no order. */
  findRunning(projectId: string): Promise<Pick<Batch, '_id'>[]>;
  /**
   * failed → started: an operator has reset the workflow. The same for a batch whose end a gateway began and did not finish. A batch
   * in any other state stays as it is.
   */
  reopen(batchId: string): Promise<void>;
  /** Notes that the import is paused, since when, or that it is not (null); one that has ended stays as it is. */
  markPaused(batchId: string, since: Date | null): Promise<void>;
  /** Notes that the import is to be cancelled. Answers false when that was noted before, or when it has ended. */
  askCancel(batchId: string): Promise<boolean>;
  /** Batches that were to be cancelled before the given time and have not ended, oldest first. */
  findToCancel(before: Date, limit: number): Promise<Pick<Batch, '_id' | 'projectId'>[]>;
  /**
   * success, failed → started, because a retry opens items again; nothing when the batch has been opened, or has ended again, since it
   * was read, while a gateway ends it, or when its removal has begun. Its next end is another webhook message. Answers whether the
   * batch is open.
   */
  reopenForRetry(batch: Pick<Batch, '_id' | 'finishedAt'>, start: NonNullable<Batch['retryStart']>): Promise<boolean>;
  /** Failures of hosts up to now do not count against the items of the batch. */
  markRetried(batchId: string): Promise<void>;
  /** Started batches whose workflow has not been checked since the given time, longest ago first. */
  findUnchecked(before: Date, limit: number): Promise<Pick<Batch, '_id' | 'projectId'>[]>;
  markChecked(batchIds: readonly string[], at: Date): Promise<void>;
  /**
   * Takes the lease to end a started batch from outside its workflow, because its run `endedRunId` has ended (undefined when Temporal
   * does not know it). Answers false when another gateway holds it, or when the batch has ended or was reopened since it was read.
   */
  beginEnd(batch: Pick<Batch, '_id' | 'reopened'>, endedRunId: string | undefined): Promise<boolean>;
  /** Renews the lease. */
  keepEnding(batch: Pick<Batch, '_id' | 'reopened'>): Promise<void>;
  /** Gives the lease back: the end is complete, or the batch is not to be ended after all. */
  leaveEnding(batch: Pick<Batch, '_id' | 'reopened'>): Promise<void>;
  /** Whether a gateway that lives is ending the batch. */
  isBeingEnded(batchId: string): Promise<boolean>;
  /** Batches whose end a gateway began and, having died, did not complete. */
  findHalfEnded(limit: number): Promise<Pick<Batch, '_id' | 'projectId'>[]>;
  /** Batches accepted before the given time whose workflow was not confirmed, oldest first. */
  findUnstarted(before: Date, limit: number): Promise<Batch[]>;
  /** Batches whose storing stopped before the given time. */
  findHalfStored(before: Date, limit: number): Promise<Batch[]>;
  /** Batches that ended before the given time, oldest first, those after `after` when it is given. */
  findFinished(before: Date, limit: number, after?: Pick<Batch, '_id' | 'finishedAt'>): Promise<Batch[]>;
  /** Begins to remove a batch that has ended; false when it was opened again since it was read. From then on it cannot be. */
  beginRemoval(batch: Pick<Batch, '_id' | 'finishedAt'>): Promise<boolean>;
  remove(batchId: string): Promise<void>;
}

export interface ItemTotals extends BatchCounts {
  readonly open: number;
  readonly bytes: number;
}

/** Open items of one host; `code` is there when they failed an attempt, `attempts` are those of all of them together. */
export interface OpenGroup {
  readonly host: string;
  readonly code?: ReasonCode;
  readonly count: number;
  readonly attempts: number;
}

export interface FailureGroup {
  readonly code: ReasonCode;
  readonly host: string;
  readonly count: number;
  /** There are at least so many: counting all of them would take too long while the import runs. */
  readonly isAtLeast: boolean;
  /** Of these, items that are still open: they failed an attempt and will be tried again. */
  readonly open: number;
  readonly samples: readonly { readonly seq: number; readonly externalId: string; readonly reason: string }[];
}

/** How an item ended. */
export interface Settlement {
  readonly batchId: string;
  readonly seq: number;
  readonly state: Exclude<ItemState, 'open'>;
  readonly code?: ReasonCode | SkipCode;
  readonly reason?: string;
  readonly mediaId?: string;
  readonly action?: MediaAction;
  readonly asset?: Asset;
  /** Counted as a concluded attempt when given. */
  readonly attempt?: ItemAttempt;
}

/** Which part of a list is read. */
export interface ItemPage {
  /** The last item of the page before; -1 for the first page. */
  readonly afterSeq: number;
  readonly limit: number;
  /** As JSON; not limited when absent. */
  readonly maxBytes?: number;
}

/** Which items of a batch are listed; what is absent does not matter. */
export interface ItemFilter {
  readonly state?: ItemState;
  readonly code?: ReasonCode | SkipCode;
  readonly host?: string;
}

/**
 * Called after each part of a whole batch that a command has looked at, a thousand items or more, for instance to tell a heartbeat.
 * @param count how many of them it has changed, or counted
 */
export type OnChunk = (count: number) => void;

export interface ItemStore {
  insertMany(batch: { _id: string; projectId: string }, specs: readonly ItemSpec[]): Promise<void>;
  /** Removes any number of items, a thousand at a time. */
  removeAll(batchId: string, onChunk?: OnChunk): Promise<void>;
  /** The external ids of those of the items that are there, by their number. */
  externalIds(batchId: string, seqs: readonly number[]): Promise<Map<number, string>>;
  find(batchId: string, seq: number): Promise<Item | null>;
  /**
   * Open items of the inclusive range that a page may try now (due, not solo), in request order. Large metadata is left out, which
   * `isLarge` tells: `find` reads it.
   */
  openInRange(batchId: string, fromSeq: number, toSeq: number, now: Date): Promise<Item[]>;
  /** Open items with `fromSeq` ≤ seq < `beforeSeq`, in request order; only what planning needs. */
  openFrom(
    batchId: string,
    fromSeq: number,
    limit: number,
    beforeSeq?: number,
  ): Promise<Pick<Item, 'seq' | 'host' | 'solo' | 'nextAttemptAt'>[]>;
  /** Settles an open item once: a second settlement changes nothing and answers false. Group-committed. */
  settle(settlement: Settlement): Promise<boolean>;
  /** Records a failed attempt that will be repeated: attempts + 1, still open. Group-committed. */
  recordAttempt(batchId: string, seq: number, attempt: ItemAttempt, reason: string, nextAttemptAt: Date): Promise<void>;
  /** Notes that an attempt at an open item has begun; the note outlives the process. @param count of such notes without an end */
  markBegun(batchId: string, seq: number, count: number): Promise<void>;
  /** Takes the note off, however the attempt ended. */
  clearBegun(batchId: string, seq: number): Promise<void>;
  /** Takes an open item out of pages. Counts no attempt. */
  markSolo(batchId: string, seq: number): Promise<void>;
  /** Settles every open item as failed with this code, a thousand at a time. */
  settleOpen(batchId: string, code: ReasonCode, reason: string, onChunk?: OnChunk): Promise<void>;
  /**
   * Open items of the batches by host and latest code; a bounded look, so that it may be asked of any batch. `isPartial` when there
   * are more than it has met.
   */
  openGroups(
    batchIds: readonly string[],
  ): Promise<{ readonly groups: readonly OpenGroup[]; readonly isPartial: boolean }>;
  /** Opens every item again that failed with this code, a thousand at a time. */
  reopen(batchId: string, code: ReasonCode, onChunk?: OnChunk): Promise<void>;
  /** Counts all items, ten thousand at a time, and tells how many each command has counted. */
  totals(batchId: string, onChunk?: OnChunk): Promise<ItemTotals>;
  /**
   * A page of items in request order, without their URLs and metadata. It ends early when it comes to `maxBytes`, but never before
   * its first item.
   */
  list(batchId: string, page: ItemPage, filter?: ItemFilter): Promise<ShownItem[]>;
  /** All items in request order, read as the consumer asks for them. */
  stream(batchId: string): AsyncIterable<ListedItem>;
  /**
   * Items that failed, or failed an attempt, by (code, host), largest group first: at most 100 groups, the largest with 3 samples each.
   * @param ended as `summarizeFailures` has counted them; otherwise a bounded look, of a batch of any size
   */
  failureGroups(batchId: string, ended?: 'ended'): Promise<readonly FailureGroup[]>;
  /** Counts all failed items by (code, host) and keeps the result. To be called before a batch ends that has some. */
  summarizeFailures(batchId: string, onChunk?: OnChunk): Promise<void>;
}

export type {
  MediaWrite,
  MediaContent,
  MediaWritten,
  MediaStore,
  MediaFilter,
  MediaCursor,
  MediaPageRequest,
  MediaPage,
} from './media-store.js';
export { SAME_BYTES_SHOWN } from './media-store.js';

/** A minted or revoked token, by `jti`. */
export interface TokenRecord {
  readonly _id: string;
  readonly projectId: string;
  readonly name: string;
  readonly scope: string;
  readonly createdAt: Date;
  readonly expiresAt: Date;
  readonly revokedAt?: Date;
}

export interface TokenStore {
  insert(token: TokenRecord): Promise<void>;
  list(projectId?: string): Promise<TokenRecord[]>;
  /** Revokes a `jti`, also one minted elsewhere. Answers false when it was revoked already. */
  revoke(jti: string, at: Date): Promise<boolean>;
  isRevoked(jti: string): Promise<boolean>;
}

export interface ProjectStore {
  /** The webhook secrets of a project (`whsec_…`), newest first; the first one is made when the project has none. */
  webhookSecrets(projectId: string): Promise<readonly string[]>;
  /** Adds a new secret in front; the one before it stays valid beside it, older ones are dropped. */
  rotateWebhookSecret(projectId: string): Promise<string>;
}

export interface Store {
  readonly batches: BatchStore;
  readonly items: ItemStore;
  readonly media: MediaStore;
  readonly deliveries: DeliveryStore;
  readonly actions: ActionStore;
  readonly retries: RetryStore;
  readonly tokens: TokenStore;
  readonly projects: ProjectStore;
  readonly idempotencyKeys: IdempotencyKeyStore;
  readonly removalNotices: RemovalNoticeStore;
  readonly hosts: HostStore;
  /** The clock that all processes share: what one of them dates and another one compares. Asked of the database every 10 s. */
  databaseTime(): Promise<Date>;
  /**
   * Reads a document. An outage that is as short as an election of a primary is not told.
   * @throws when the database did not answer within 2 seconds, and not within the last 16 seconds either
   */
  ping(): Promise<void>;
  close(): Promise<void>;
}

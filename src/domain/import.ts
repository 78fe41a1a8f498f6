/** What one batch imports. The plural is the key of the items in the published request and status bodies. */
export const KINDS = {
  video: { plural: 'videos', webhookSource: 'video-import', mediaType: 'mediaVideo' },
  file: { plural: 'files', webhookSource: 'file-import', mediaType: 'mediaFile' },
  image: { plural: 'images', webhookSource: 'image-import', mediaType: 'mediaImage' },
} as const;

export type Kind = keyof typeof KINDS;
export type KindPlural = (typeof KINDS)[Kind]['plural'];

/** How urgent a batch is: Temporal's five priority keys, 1 first. A more urgent task never waits for a less urgent one. */
export const MOST_URGENT = 1;
export const LEAST_URGENT = 5;
/** What a batch has that asks for none; Temporal's own default. */
export const DEFAULT_PRIORITY = 3;

/** The scope of tokens whose batches may pass those of other projects. */
export const URGENT_SCOPE = 'priority:urgent';

/**
 * The priority of a batch, given what its client asks for. More urgent than usual passes other projects, and Temporal has no order
 * that holds within one project alone; so without the scope it counts as the usual one, and less urgent stays what it is.
 */
export function grantedPriority(asked: number | undefined, mayBeUrgent: boolean): number | undefined {
  return asked === undefined || mayBeUrgent ? asked : Math.max(DEFAULT_PRIORITY, asked);
}

/** Batches that were stored before there were priorities have none. */
export function priorityOf({ priority = DEFAULT_PRIORITY }: { readonly priority?: number }): number {
  return priority;
}

/**
 * storing: items are being written, no client has been told the id; accepted: batch and items are durable, the workflow may not be;
 * started: the workflow is durable; success: it ran to its end, whatever its items say; failed: it was cancelled, terminated
 * or could not run.
 */
export type BatchState = 'storing' | 'accepted' | 'started' | 'success' | 'failed';

/** Why a batch ended as failed. */
export type BatchFailure = 'cancelled' | 'terminated' | 'timed_out' | 'vanished';

export interface BatchCounts {
  readonly success: number;
  readonly skipped: number;
  readonly failed: number;
}

/** The state of an import as its clients see it. */
export type ShownState = 'started' | 'paused' | 'success' | 'failed';

export function shownState({ state, pausedAt }: Pick<Batch, 'state' | 'pausedAt'>): ShownState {
  if (state === 'success' || state === 'failed') return state;
  return pausedAt === undefined ? 'started' : 'paused';
}

/** One POST: a document of the `batches` collection. */
export interface Batch {
  readonly _id: string;
  readonly projectId: string;
  readonly kind: Kind;
  readonly systemName: string;
  readonly webhook?: string;
  readonly context?: Record<string, unknown>;
  /** 1 (most urgent) to 5; read it with `priorityOf`. */
  readonly priority?: number;
  readonly itemCount: number;
  /** Position in the order of acceptance within the project: the fence of media upserts. 0 while the batch is being stored. */
  readonly importSeq: number;
  readonly state: BatchState;
  readonly failure?: BatchFailure;
  readonly createdAt: Date;
  /** Moved forward while items are being stored, so that a half-stored batch can be told from a slow one. */
  readonly touchedAt: Date;
  readonly startedAt?: Date;
  /** There while the import is paused. */
  readonly pausedAt?: Date;
  /** There from the request to cancel the import until it has ended. */
  readonly cancelAskedAt?: Date;
  /** How many retries were asked for. */
  readonly retries?: number;
  /** The retry that opened the batch again after its end, for a run that is to follow the one named; absent when there was none. */
  readonly retryStart?: { readonly number: number; readonly afterRunId?: string };
  /** There from when its retention has passed and its removal has begun. */
  readonly removingSince?: Date;
  /** When a gateway last saw that the workflow of a started batch runs; at first when the batch was started. */
  readonly checkedAt?: Date;
  readonly finishedAt?: Date;
  /** The run of the workflow that ended when the batch failed. Another run is one that an operator has started with a reset. */
  readonly endedRunId?: string;
  /**
   * There while a gateway ends the batch in place of its workflow, from before the first item is settled until the webhook message
   * is opened. A lease, by the clock of the database: when it is old, its gateway has died and another one takes over.
   */
  readonly endingAt?: Date;
  /** How often a reset or a retry opened the batch again: the end of each such run is a webhook message of its own. */
  readonly reopened?: number;
  /** When that was the last time, or when items of a running import were retried. */
  readonly reopenedAt?: Date;
  /** An item has failed, or an attempt at an open one, or the import has waited for a host; an end without failures takes it off. */
  readonly troubled?: true;
  /** Set when finished. */
  readonly counts?: BatchCounts;
  readonly bytes?: number;
}

/** What the API answers, as `docs/api.md` describes it. Keys without a value are absent, or null where the import has them. */

export type Kind = 'video' | 'file' | 'image';
export type ImportState = 'started' | 'paused' | 'success' | 'failed';
export type ItemState = 'open' | 'success' | 'skipped' | 'failed';

export interface Page<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

export interface Counts {
  readonly total: number;
  readonly open: number;
  readonly success: number;
  readonly skipped: number;
  readonly failed: number;
}

export interface FailureGroup {
  readonly code: string;
  readonly host: string;
  readonly count: number;
  /** Items of these that are still tried again. */
  readonly open?: number;
  readonly retryable: boolean;
  readonly hint: string;
  readonly samples: readonly { readonly seq: number; readonly externalId: string; readonly reason: string }[];
}

interface WaitingFor {
  readonly host: string;
  readonly until: string;
  readonly items: number;
}

export interface Action {
  readonly at: string;
  readonly by: { readonly name?: string; readonly jti: string };
  readonly action: string;
  readonly reason?: string;
}

/** An entry of `GET /imports`. */
export interface ImportSummary {
  readonly id: string;
  readonly kind: Kind;
  readonly systemName: string;
  readonly state: ImportState;
  readonly finished: boolean;
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly counts: Counts;
  readonly bytes?: number;
  readonly rate?: { readonly itemsPerSecond: number; readonly bytesPerSecond: number };
  readonly etaSeconds?: number | null;
  readonly waitingFor?: readonly WaitingFor[];
  readonly troubled?: boolean;
}

/** `GET /imports/:id`. */
export interface Import extends ImportSummary {
  readonly bytes: number;
  readonly rate: { readonly itemsPerSecond: number; readonly bytesPerSecond: number };
  readonly etaSeconds: number | null;
  readonly priority: number;
  readonly failures: readonly FailureGroup[];
  readonly waitingFor: readonly WaitingFor[];
  readonly actions?: readonly Action[];
  readonly workflow: { readonly id: string; readonly runId: string | null; readonly url: string | null };
}

export interface Attempt {
  readonly at?: string;
  readonly stage?: string;
  readonly httpStatus?: number;
  readonly contentType?: string;
  readonly bytes?: number;
  readonly durationMs?: number;
  readonly code?: string;
  readonly reason?: string;
}

export interface Item {
  readonly seq: number;
  readonly externalId: string;
  readonly state: ItemState;
  readonly code?: string;
  readonly reason?: string;
  readonly attempts: number;
  readonly host?: string;
  readonly mediaId?: string;
  readonly bytes?: number;
  readonly sha256?: string;
  readonly mimeType?: string;
  readonly assetUrl?: string;
  readonly action?: 'created' | 'updated' | 'unchanged';
  readonly nextAttemptAt?: string;
  readonly updatedAt: string;
  readonly lastAttempt?: Attempt;
  /** With `include=attempts`. */
  readonly history?: readonly Attempt[];
  /** With `include=source`. */
  readonly url?: string;
  readonly fileName?: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly mediaType?: string;
}

/** An entry of `GET /items`. */
export interface FoundItem extends Item {
  readonly importId: string;
  readonly kind: Kind;
  readonly systemName: string;
}

export interface RetryPlan {
  readonly matched: number;
  readonly notEligible: readonly { readonly code: string; readonly count: number; readonly why: string }[];
  readonly samples: readonly { readonly seq: number; readonly externalId: string; readonly reason?: string }[];
}

export interface RetrySelector {
  readonly codes?: readonly string[];
  readonly hosts?: readonly string[];
  readonly externalIds?: readonly string[];
  readonly items?: readonly { readonly seq: number; readonly url?: string }[];
  readonly all?: true;
}

interface DeliveryAttempt {
  readonly at: string;
  readonly status?: number;
  readonly durationMs?: number;
  readonly error?: string;
}

export interface Delivery {
  readonly webhookId: string;
  readonly state: 'pending' | 'delivered' | 'exhausted' | 'disabled';
  readonly attempts: readonly DeliveryAttempt[];
  readonly nextAttemptAt?: string;
}

export interface HostLimit {
  readonly maxConcurrent?: number;
  readonly ratePerSecond?: number;
}

export interface Host {
  readonly host: string;
  readonly state: 'ok' | 'cooling' | 'probing';
  readonly coolingUntil?: string;
  readonly code?: string;
  readonly failures: number;
  readonly open?: readonly { readonly code: string; readonly count: number }[];
  readonly waiting: number;
  readonly active: number;
  readonly limit: number;
  readonly message: string;
  /** What an operator has set. */
  readonly override?: HostLimit;
}

export interface Asset {
  readonly url: string;
  readonly mimeType: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly width?: number;
  readonly height?: number;
  readonly durationSeconds?: number;
  readonly videoCodec?: string;
  readonly audioCodec?: string;
  readonly frameRate?: number;
}

export interface Media {
  readonly id: string;
  readonly kind: Kind;
  readonly mediaType: string;
  readonly systemName: string;
  readonly externalId: string;
  readonly fileName: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly asset: Asset;
  readonly sameBytesAs?: readonly string[];
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly importId: string;
}

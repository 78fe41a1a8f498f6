import { ImportError, SKIP_REASONS, type ReasonCode } from '../domain/errors.js';
import type { HostCircuit } from '../domain/host.js';
import type { Batch } from '../domain/import.js';
import type { Item, ItemAttempt } from '../domain/item.js';
import type { MediaType, MediaTypes } from '../domain/media.js';
import { metadataProblems } from '../domain/metadata-rules.js';
import { NeedsOwnActivity, type FetchRequest } from '../download/source.js';
import { hostOutcome, type HostOutcome } from '../host-limits/circuit.js';
import type { HostRequest } from '../host-limits/admission.js';
import type { MediaWritten, Settlement, Store } from '../store/store.js';
import type { Logger } from '../telemetry/logger.js';
import type { WorkerMetrics } from '../telemetry/metrics.js';
import { currentMedia, importContent, type ContentDeps, type CurrentMedia } from './content.js';
import { settle, settleFailed } from './settle.js';

export interface RetryPolicy {
  /** Attempts an item gets in all. */
  readonly attempts: number;
  readonly initialMs: number;
  readonly maxMs: number;
}

/** A source may ask for a pause of 15 minutes at most; jitter does not make it longer. */
const LONGEST_RETRY_AFTER_MS = 15 * 60_000;
/** Added to a pause so that items which failed together do not come back together. */
const JITTER = 0.1;

/**
 * The pause before the next attempt in milliseconds, or null when there is none: doubling from `initialMs` to `maxMs`, or what
 * the source asked for with Retry-After, whichever is longer.
 * @param concluded attempts that have ended, this one included
 */
export function nextDelayMs(policy: RetryPolicy, error: ImportError, concluded: number): number | null {
  const limit = Math.min(policy.attempts, error.details.maxAttempts ?? Infinity);
  if (!error.retryable || concluded >= limit) return null;
  const jitter = 1 + Math.random() * JITTER;
  const backoff = Math.min(policy.maxMs, policy.initialMs * 2 ** (concluded - 1) * jitter);
  const asked = Math.min(LONGEST_RETRY_AFTER_MS, (error.details.retryAfterMs ?? 0) * jitter);
  return Math.max(asked, backoff);
}

export interface AttemptDeps extends ContentDeps {
  readonly store: Store;
  readonly mediaTypes: MediaTypes;
  readonly retry: RetryPolicy;
  readonly metrics: Pick<WorkerMetrics, 'itemSettled' | 'attemptFailed'>;
  readonly logger: Logger;
}

/** `signal` aborts the attempt; with a NeedsOwnActivity as its reason the item is left to an activity of its own. */
export type AttemptOptions = Omit<FetchRequest, 'url' | 'fileName' | 'headers' | 'mediaType' | 'unless'>;

/**
 * settled: the item has its final state; retry: it failed and will be tried again after `delayMs`; own: it needs an activity of its
 * own. `host` is what the attempt tells about the host of the item, or about `answeredBy` when a redirect led there.
 */
export type AttemptOutcome = { readonly host: HostOutcome; readonly answeredBy?: string | undefined } & (
  | { readonly kind: 'settled'; readonly state: Settlement['state']; readonly bytes: number }
  | { readonly kind: 'retry'; readonly code: ReasonCode; readonly delayMs: number }
  | { readonly kind: 'own'; readonly why: NeedsOwnActivity['why'] }
);

/** Failures of a host before that do not count against an import. */
export function acceptedAt({ touchedAt, reopenedAt }: Batch): Date {
  return new Date(Math.max(touchedAt.getTime(), reopenedAt?.getTime() ?? 0));
}

/** The item as a visitor of its host. */
export function hostRequestOf(batch: Batch, { url }: Item): HostRequest {
  return { projectId: batch.projectId, batchId: batch._id, url, since: acceptedAt(batch) };
}

/** What the pair of an item holds, see `currentMedia`. */
export function lookUp(deps: AttemptDeps, batch: Batch, item: Item): Promise<CurrentMedia> {
  return currentMedia(deps, batch, item, deps.mediaTypes.get(item.mediaType));
}

/**
 * Tries one open item once: check metadata → fetch → blob → media → settle. The order makes a crash anywhere harmless: at
 * worst a blob without a record stays behind, never a record without its blob. A failure of the item is an outcome, not an
 * exception.
 * @throws whatever is not the item's fault: the database is away, the activity was cancelled, a bug.
 */
export async function attemptItem(
  deps: AttemptDeps,
  batch: Batch,
  item: Item,
  current: CurrentMedia,
  options: AttemptOptions,
): Promise<AttemptOutcome> {
  const startedAt = Date.now();
  const conclude = (facts: Omit<ItemAttempt, 'at' | 'durationMs'>): ItemAttempt => {
    return { ...facts, at: new Date(startedAt), durationMs: Date.now() - startedAt };
  };
  try {
    const mediaType = checkMetadata(deps, item);
    const { written, httpStatus, received } = await importContent(deps, batch, item, current, {
      ...options,
      mediaType,
    });
    const settlement = settlementOf(item, written);
    const attempt = conclude({ stage: 'record', httpStatus, bytes: received });
    await settle(deps, batch, { ...settlement, attempt }, received);
    return { kind: 'settled', state: settlement.state, bytes: received, host: { kind: 'answered' } };
  } catch (error) {
    if (error instanceof NeedsOwnActivity) {
      await deps.store.items.markSolo(item.batchId, item.seq);
      // Whether a slow one has answered is not known.
      return { kind: 'own', why: error.why, host: { kind: error.why === 'large' ? 'answered' : 'unasked' } };
    }
    if (!(error instanceof ImportError)) throw error;
    const { stage = 'validate', httpStatus, contentType, bytes } = error.details;
    const attempt = conclude({
      stage,
      code: error.code,
      ...(httpStatus === undefined ? {} : { httpStatus }),
      ...(contentType === undefined ? {} : { contentType }),
      ...(bytes === undefined ? {} : { bytes }),
    });
    return await concludeFailure(deps, batch, item, error, attempt);
  }
}

/** Settles an item whose host has failed for as long as an item is tried, without trying it once more. */
export async function giveUp(
  deps: AttemptDeps,
  batch: Batch,
  item: Item,
  { code, since, evidence, tries }: HostCircuit,
): Promise<AttemptOutcome> {
  const { host } = item;
  const did = evidence === 'busy' ? 'refused requests' : 'not answered';
  const begun = `${since.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
  const reason = `${host} has ${did} since ${begun}; ${tries.length} attempts by different items failed`;
  await deps.store.batches.markTroubled(batch);
  await settleFailed(deps, batch, item, { code, reason });
  return { kind: 'settled', state: 'failed', bytes: 0, host: { kind: 'unasked' } };
}

function checkMetadata(deps: AttemptDeps, item: Item): MediaType {
  const mediaType = deps.mediaTypes.get(item.mediaType);
  if (mediaType === undefined)
    throw new ImportError('metadata_invalid', `The media type ${item.mediaType} is not configured`, {
      stage: 'validate',
    });
  const problems = metadataProblems(item.metadata, mediaType);
  if (problems.length > 0)
    throw new ImportError('metadata_invalid', `Invalid metadata: ${problems.join('; ')}`, { stage: 'validate' });
  return mediaType;
}

function settlementOf(item: Item, written: MediaWritten): Settlement {
  const { batchId, seq } = item;
  const { mediaId, asset, result } = written;
  if (result === 'kind_conflict')
    throw new ImportError('kind_conflict', 'The pair of systemName and id already holds media of another kind', {
      stage: 'record',
    });
  if (result === 'stale') throw new Error('A write that is based on nothing was called stale');
  const ended = { batchId, seq, mediaId, asset };
  if (result === 'superseded')
    return { ...ended, state: 'skipped', code: 'superseded', reason: SKIP_REASONS.superseded };
  if (result === 'unchanged')
    return { ...ended, state: 'skipped', code: 'already_exists', reason: SKIP_REASONS.already_exists, action: result };
  return { ...ended, state: 'success', action: result };
}

async function concludeFailure(
  deps: AttemptDeps,
  batch: Batch,
  item: Item,
  error: ImportError,
  attempt: ItemAttempt,
): Promise<AttemptOutcome> {
  const { batchId, seq } = item;
  const about = { host: hostOutcome(error), answeredBy: error.details.host };
  // Before the item tells it, so that no list of troubled imports ever lacks it.
  await deps.store.batches.markTroubled(batch);
  deps.metrics.attemptFailed(error.code);
  const delayMs = nextDelayMs(deps.retry, error, item.attempts - (item.attemptsBefore ?? 0) + 1);
  if (delayMs !== null) {
    await deps.store.items.recordAttempt(batchId, seq, attempt, error.message, new Date(Date.now() + delayMs));
    return { kind: 'retry', code: error.code, delayMs, ...about };
  }
  await settleFailed(deps, batch, item, { code: error.code, reason: error.message, attempt });
  return { kind: 'settled', state: 'failed', bytes: 0, ...about };
}

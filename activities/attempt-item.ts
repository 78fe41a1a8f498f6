import type { Batch } from '../src/contract/batch.js';
import { ImportError, SKIP_REASONS } from '../src/contract/errors.js';
import type { ReasonCode } from '../src/contract/errors.js';
import type { Item, ItemAttempt } from '../src/contract/item.js';
import type { MediaType } from '../src/contract/media-type.js';
import { metadataProblems } from '../src/contract/metadata-rules.js';
import { LeaveSweep } from '../src/contract/source.js';
import type { FetchProgress } from '../src/contract/source.js';
import type { MediaWritten, Settlement } from '../src/contract/store.js';
import { hostOutcome, type HostOutcome } from '../src/politeness/host-outcome.js';
import type { ActivityDeps } from './deps.js';
import { importContent } from './import-content.js';
import { nextDelayMs } from './retry-policy.js';
import type { StoredContent } from './stored-content.js';

export interface AttemptOptions {
  /** Aborts the attempt; with a LeaveSweep as its reason the item is handed to an activity of its own. */
  readonly signal: AbortSignal;
  /** Bodies beyond this many bytes leave the sweep. Absent outside sweeps. */
  readonly sweepBytes?: number;
  /** Names what is kept of a large body between attempts. Absent in sweeps. */
  readonly partKey?: string;
  readonly onProgress?: (progress: FetchProgress) => void;
  /** Called when nothing more is asked of the host. */
  readonly onArrived: () => void;
}

/** settled: it has its final state; retry: it failed and will be tried again; solo: it needs an activity of its own. */
export type AttemptOutcome = { readonly host: HostOutcome } & (
  | { readonly kind: 'settled'; readonly state: Settlement['state']; readonly bytes: number }
  | { readonly kind: 'retry'; readonly code: ReasonCode; readonly message: string; readonly delayMs: number }
  | { readonly kind: 'solo' }
);

/**
 * Tries one open item once: check metadata → fetch → blob → media → settle. The order makes a crash anywhere harmless: at
 * worst a blob without a record stays behind, never a record without its blob. A failure of the item is an outcome, not an
 * exception.
 * @throws whatever is not the item's fault: the database is away, the activity was cancelled, a bug.
 */
export async function attemptItem(
  deps: ActivityDeps,
  batch: Batch,
  item: Item,
  stored: StoredContent,
  options: AttemptOptions,
): Promise<AttemptOutcome> {
  const startedAt = Date.now();
  const conclude = (facts: Omit<ItemAttempt, 'at' | 'durationMs'>): ItemAttempt => {
    return { ...facts, at: new Date(startedAt), durationMs: Date.now() - startedAt };
  };
  try {
    const mediaType = checkMetadata(deps, item);
    const { written, httpStatus, received } = await importContent(deps, batch, item, stored, { ...options, mediaType });
    const settlement = settlementOf(item, written);
    const attempt = conclude({ stage: 'record', httpStatus, bytes: received });
    deps.reach('after_media_before_settle');
    await deps.store.items.settle({ ...settlement, attempt });
    deps.reach('after_settle_before_complete');
    deps.metrics.itemSettled(batch.kind, settlement.state, settlement.code, received);
    return { kind: 'settled', state: settlement.state, bytes: received, host: { kind: 'answered' } };
  } catch (error) {
    if (error instanceof LeaveSweep) {
      await deps.store.items.markSolo(item.batchId, item.seq);
      // Whether a slow one has answered is not known.
      return { kind: 'solo', host: { kind: error.why === 'large' ? 'answered' : 'unasked' } };
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

function checkMetadata(deps: ActivityDeps, item: Item): MediaType {
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
  if (result === 'superseded')
    return { batchId, seq, mediaId, asset, state: 'skipped', code: 'superseded', reason: SKIP_REASONS.superseded };
  if (result === 'unchanged')
    return {
      batchId,
      seq,
      mediaId,
      asset,
      state: 'skipped',
      code: 'already_exists',
      reason: SKIP_REASONS.already_exists,
      action: result,
    };
  if (result === 'stale') throw new Error('A write that is based on nothing was called stale');
  return { batchId, seq, mediaId, asset, state: 'success', action: result };
}

async function concludeFailure(
  deps: ActivityDeps,
  batch: Batch,
  item: Item,
  error: ImportError,
  attempt: ItemAttempt,
): Promise<AttemptOutcome> {
  const { batchId, seq } = item;
  const host = hostOutcome(error);
  deps.metrics.attemptFailed(error.code);
  const delayMs = nextDelayMs(deps.retry, error, item.attempts + 1);
  if (delayMs !== null) {
    await deps.store.items.recordAttempt(batchId, seq, attempt, error.message, new Date(Date.now() + delayMs));
    deps.reach('after_attempt_before_complete');
    return { kind: 'retry', code: error.code, message: error.message, delayMs, host };
  }
  await deps.store.items.settle({ batchId, seq, state: 'failed', code: error.code, reason: error.message, attempt });
  deps.reach('after_settle_before_complete');
  deps.metrics.itemSettled(batch.kind, 'failed', error.code, 0);
  return { kind: 'settled', state: 'failed', bytes: 0, host };
}

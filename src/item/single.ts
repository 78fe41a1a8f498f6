import { ImportError } from '../domain/errors.js';
import type { Batch } from '../domain/import.js';
import { partKeyOf, type Item } from '../domain/item.js';
import { NeedsOwnActivity, type FetchProgress } from '../download/source.js';
import type { AtHost, HostLimiter, Visited } from '../host-limits/host-limiter.js';
import { createTally } from '../host-limits/tally.js';
import type { ItemResult } from '../temporal/activity-api.js';
import { attemptItem, giveUp, lookUp, hostRequestOf, type AttemptDeps, type AttemptOutcome } from './attempt.js';
import { withTimeLimits } from './with-time-limit.js';

/**
 * Long downloads that one worker continues in places for short work: a fifth of those (see WORKER_SLOTS). More of them move to the
 * places for long downloads, at the price of another request to their source.
 */
const IN_PROCESS = 20;
/** Of one import, so that the next one finds some. */
const OF_IMPORT = 10;

/** Places in which an attempt that turns out long may stay where it was begun. */
export interface LongSlots {
  claim(batchId: string): {
    /** Takes a place, once; false when there is none. */
    readonly enter: () => boolean;
    readonly leave: () => void;
  };
}

export function createLongSlots(): LongSlots {
  const taken = createTally();
  return {
    claim: (batchId) => {
      let leave: (() => void) | undefined;
      return {
        enter: () => {
          if (leave !== undefined) return true;
          if (taken.total >= IN_PROCESS || taken.of(batchId) >= OF_IMPORT) return false;
          leave = taken.enter(batchId);
          return true;
        },
        leave: () => {
          leave?.();
          leave = undefined;
        },
      };
    },
  };
}

/** A single item that takes longer than this needs a place for long downloads. */
const SHORT_MS = 10_000;
/** The same where other items wait for the host, and its places for long work are taken: small files there do not wait for it. */
const CONTENDED_MS = 2_000;
/** A body beyond 8 MiB takes seconds at usual speeds. */
const SHORT_BYTES = 8 * 1024 ** 2;
/**
 * An attempt ends an hour before its activity's time limit does, so that it is counted: 50 GiB at 600 KiB/s take 24 hours, and
 * a slower one would otherwise be started over without end.
 */
const LONGEST_ATTEMPT_MS = 23 * 3_600_000;

export interface SingleDeps extends AttemptDeps {
  readonly hosts: HostLimiter;
  readonly longPlaces: LongSlots;
}

export interface SingleOptions {
  /** Cancels the attempt. */
  readonly signal: AbortSignal;
  /** It has a place for a long download. */
  readonly isOwn: boolean;
  readonly onProgress: (progress: FetchProgress) => void;
  readonly onAnswered: () => Promise<void>;
}

/**
 * Tries one item once, if its host has room. A short place is left for a long one when the body turns out large or slow: one of
 * this process while there are any, so that the source is asked only once; else `own` asks for an activity that has one.
 * @throws the reason of `signal`; whatever is not the item's fault
 */
export async function importSingle(
  deps: SingleDeps,
  batch: Batch,
  item: Item,
  { signal, isOwn, onProgress, onAnswered }: SingleOptions,
): Promise<ItemResult> {
  const current = await lookUp(deps, batch, item);
  const place = deps.longPlaces.claim(batch._id);
  const attempt = ({ answered, leave, stay, isWaitedFor }: AtHost): Promise<AttemptOutcome> => {
    const mayKeepPlace = (): boolean => stay() && place.enter();
    const tooLong = { ms: LONGEST_ATTEMPT_MS, reason: outOfTime };
    const slow = { reason: () => new NeedsOwnActivity('slow') };
    const short = [
      { ...slow, ms: CONTENDED_MS, mayKeepPlace: () => !isWaitedFor() || stay() },
      { ...slow, ms: SHORT_MS, mayKeepPlace },
    ];
    const limits = isOwn ? [tooLong] : [tooLong, ...short];
    return withTimeLimits(signal, limits, (limited) =>
      attemptItem(deps, batch, item, current, {
        signal: limited,
        partKey: partKeyOf(item),
        onAnswered,
        onProgress: (progress) => {
          answered();
          onProgress(progress);
        },
        onArrived: leave,
        ...(isOwn ? {} : { inlineBytes: SHORT_BYTES, mayKeepPlace }),
      }),
    );
  };
  try {
    const visitor = { ...hostRequestOf(batch, item), isLong: isOwn };
    const visit = await deps.hosts.visit(item.host, visitor, signal, attempt);
    if (visit.kind === 'over') signal.throwIfAborted();
    return await resultOf(deps, batch, item, visit);
  } finally {
    place.leave();
  }
}

/** What a visit at the host of an item came to, as its import is told. */
async function resultOf(
  deps: SingleDeps,
  batch: Batch,
  item: Item,
  visit: Visited<AttemptOutcome>,
): Promise<ItemResult> {
  if (visit.kind === 'closed') {
    await deps.store.batches.markTroubled(batch);
    return { ...OPEN, why: 'host_rests', restMs: visit.restMs };
  }
  if (visit.kind === 'full' || visit.kind === 'over') return { ...OPEN, why: 'host_full' };
  const outcome = visit.kind === 'hopeless' ? await giveUp(deps, batch, item, visit.circuit) : visit.result;
  const rest = {
    ...(visit.kind === 'done' && visit.restMs > 0 && { restMs: visit.restMs }),
    ...((visit.kind === 'hopeless' || visit.isHopeless) && { isHopeless: true }),
  };
  if (outcome.kind === 'settled') return { state: outcome.state, bytes: outcome.bytes, ...rest };
  if (outcome.kind === 'own') return { ...OPEN, why: 'needs_own', ...rest };
  const { code, delayMs } = outcome;
  return { ...OPEN, why: 'retry', code, attempt: item.attempts + 1, dueMs: Math.ceil(delayMs), ...rest };
}

const OPEN = { state: 'open', bytes: 0 } as const;

function outOfTime(): ImportError {
  return new ImportError('too_slow', 'The file could not be fetched within 23 hours', { stage: 'body' });
}

import type { HostRecord } from '../domain/host.js';

/*
 * How many slots of a host a worker takes or gives back next. Pure: no clock, no database, no memory of its own.
 */

/** A worker that wants slots says so at least once a second. */
const WANTING_MS = 3_000;

/**
 * How many slots a worker may keep when its turn is over: all, while no other worker wants any; otherwise its share. Where there are
 * more workers than slots that is none, so that they take turns.
 */
export function fairShare(
  { held, wanting }: Pick<HostRecord, 'held' | 'wanting'>,
  own: string,
  limit: number,
  now: Date,
): number {
  const since = now.getTime() - WANTING_MS;
  const others = Object.entries(wanting).filter(([lease, at]) => lease !== own && at.getTime() > since);
  if (others.length === 0) return limit;
  const holders = Object.entries(held).filter(([, count]) => count > 0);
  const sharers = new Set([own, ...others.map(([lease]) => lease), ...holders.map(([lease]) => lease)]);
  return Math.floor(limit / sharers.size);
}

/** Slots that nothing is done with are kept this long, for the next items: a page of one host costs one take. */
export const LINGER_MS = 1_000;

/** The slots of one host in one worker. */
export interface SlotState {
  /** Slots that the worker holds. */
  readonly taken: number;
  /** Items under way. More than `taken` only after the lease was lost. */
  readonly active: number;
  /** Items that wait for a slot. */
  readonly waiting: number;
  /** Milliseconds since an item has ended. */
  readonly idleMs: number;
}

/** What a worker may have of the slots of a host. */
export interface SlotAllowance {
  /** As many as it may use. */
  readonly most: number;
  /** As many as others leave it, at most `most`. */
  readonly share: number;
}

/**
 * give, take: as many slots as `count`. full: it has all that it may use. left: the others are for other workers, or there is no work
 * for more.
 */
export type SlotMove =
  { readonly kind: 'give' | 'take'; readonly count: number } | { readonly kind: 'full' } | { readonly kind: 'left' };

/** How many slots to give back: when idle all that are not in use, else what is beyond the share. Zero or less when there is none. */
export function surplus({ taken, active, waiting, idleMs }: SlotState, share: number): number {
  const isIdle = waiting === 0 && idleMs >= LINGER_MS;
  return taken - Math.max(active, isIdle ? 0 : Math.min(taken, share));
}

/** The next move towards as many slots as there is work for. */
export function nextMove(state: SlotState, { most, share }: SlotAllowance): SlotMove {
  const spare = surplus(state, share);
  if (spare > 0) return { kind: 'give', count: spare };
  const wanted = Math.min(most, state.active + state.waiting);
  // With more workers than slots the share is zero; the first worker to look then takes the next turn.
  const missing = Math.min(wanted, Math.max(1, share)) - state.taken;
  if (missing > 0) return { kind: 'take', count: missing };
  return state.taken === most ? { kind: 'full' } : { kind: 'left' };
}

import { hostState } from '../src/contract/host-state.js';
import type { HostRecord } from '../src/contract/hosts.js';
import type { Item } from '../src/contract/item.js';

/** How soon to look again when somebody else's probe is under way, which takes a moment or, at worst, a minute. */
const PROBE_LOOK_MS = 2_000;

export type OpenItem = Pick<Item, 'seq' | 'host' | 'solo' | 'nextAttemptAt'>;

export interface DueItems<T> {
  /** What may be tried now, in the given order. */
  readonly due: readonly T[];
  /** Until the earliest of the open items may be tried; 0 when one may now. */
  readonly waitMs: number;
}

/**
 * Which open items may be tried now: those whose own pause is over and whose host does not cool. Of a host whose pause has ended
 * one at random, so that one bad URL cannot keep it closed; of a host with a rate no more than begin in one window.
 */
export function dueItems<T extends OpenItem>(
  open: readonly T[],
  unwell: readonly HostRecord[],
  { now, ratePoints = Infinity }: { now: Date; ratePoints?: number | undefined },
): DueItems<T> {
  const records = new Map(unwell.map((record) => [record.host, record]));
  const chosen = new Map<string, T[]>();
  const seen = new Map<string, number>();
  let earliest = Infinity;
  for (const item of open) {
    const record = records.get(item.host);
    const state = record === undefined ? OK : hostState(record, now);
    const at = Math.max(item.nextAttemptAt?.getTime() ?? 0, blockedUntil(state, now));
    earliest = Math.min(earliest, at);
    if (at > now.getTime()) continue;
    const count = (seen.get(item.host) ?? 0) + 1;
    seen.set(item.host, count);
    const mine = chosen.get(item.host) ?? [];
    chosen.set(item.host, mine);
    // The n-th one takes the place of the one before with a chance of 1/n: all are equally likely.
    if (state.state === 'due') {
      if (Math.random() * count < 1) mine[0] = item;
    } else if (mine.length < ratePoints) mine.push(item);
  }
  const due = [...chosen.values()].flat().sort((a, b) => a.seq - b.seq);
  return { due, waitMs: Math.max(0, earliest - now.getTime()) };
}

const OK = { state: 'ok' } as const;

function blockedUntil(state: ReturnType<typeof hostState>, now: Date): number {
  if (state.state === 'cooling') return state.until.getTime();
  if (state.state === 'probing') return Math.min(state.until.getTime(), now.getTime() + PROBE_LOOK_MS);
  return 0;
}

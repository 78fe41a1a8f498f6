import type { HostRecord } from '../contract/hosts.js';

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
  const everybody = new Set([own, ...others.map(([lease]) => lease), ...holders.map(([lease]) => lease)]);
  return Math.floor(limit / everybody.size);
}

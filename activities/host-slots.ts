import pLimit from 'p-limit';
import type { LimitFunction } from 'p-limit';

/** Runs work on one host when it is its turn. */
export type HostSlots = <T>(host: string, work: () => Promise<T>) => Promise<T>;

/**
 * Lets at most `max` attempts of this process at one host run at a time. They would else queue for a connection inside of their
 * own time limits: items would be called slow that were never asked for.
 */
export function createHostSlots(max: number): HostSlots {
  const hosts = new Map<string, LimitFunction>();
  return async (host, work) => {
    const limit = hosts.get(host) ?? pLimit(max);
    hosts.set(host, limit);
    try {
      return await limit(work);
    } finally {
      // Millions of hosts pass through a long-lived process.
      if (limit.activeCount === 0 && limit.pendingCount === 0) hosts.delete(host);
    }
  };
}

import type { Db } from 'mongodb';
import { RateLimiterMongo, RateLimiterRes } from 'rate-limiter-flexible';
import type { HostRate } from '../contract/hosts.js';

/** The collection of the windows, which the library makes and reads. */
export const HOST_RATES = 'hostRates';

/** Counts the items of each host in windows that all workers share. Windows that are over are removed by the database. */
export function createHostRate(db: Db, { points, windowMs }: { points: number; windowMs: number }): HostRate {
  const limiter = new RateLimiterMongo({
    storeClient: db,
    tableName: HOST_RATES,
    keyPrefix: '',
    points,
    duration: windowMs / 1000,
    // Made with all others (`indexes.ts`), so that a failure is told.
    disableIndexesCreation: true,
  });
  return {
    points,
    consume: async (host) => {
      try {
        await limiter.consume(host);
        return 0;
      } catch (refused) {
        // At least a millisecond: the window may end between the answer and this line.
        if (refused instanceof RateLimiterRes) return Math.max(1, refused.msBeforeNext);
        throw refused;
      }
    },
  };
}

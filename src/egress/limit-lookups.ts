import type { LookupAddress } from 'node:dns';
import pLimit from 'p-limit';
import { ImportError } from '../contract/errors.js';

/** All addresses of a host name; rejects as `dns.lookup` does. */
export type Lookup = (hostname: string) => Promise<readonly LookupAddress[]>;

/** getaddrinfo blocks one of libuv's four threads until it returns; two stay free for files. */
const CONCURRENT_LOOKUPS = 2;

export interface LookupLimits {
  /** Longest look-up, from when it begins. */
  readonly timeoutMs: number;
  /** Longest wait for a free thread. */
  readonly maxWaitMs: number;
}

/**
 * Puts a queue in front of look-ups, so that slow names do not use up the time of healthy ones: the deadline of a look-up starts
 * when it begins. One that misses it keeps its place until it really returns, because its thread is still busy.
 * @returns a lookup that also rejects with ImportError dns_failed, for a look-up that takes too long or waits too long
 */
export function limitLookups(lookup: Lookup, { timeoutMs, maxWaitMs }: LookupLimits): Lookup {
  const limit = pLimit(CONCURRENT_LOOKUPS);

  return (hostname) =>
    new Promise((resolve, reject) => {
      let over = false;
      const endAfter = (ms: number, message: string): NodeJS.Timeout =>
        setTimeout(() => {
          over = true;
          reject(new ImportError('dns_failed', message, { stage: 'resolve' }));
        }, ms).unref(); // a look-up that nobody waits for any more must not hold up the shutdown

      const waiting = endAfter(maxWaitMs, `The look-up of the host name did not begin within ${maxWaitMs} ms`);
      void limit(async () => {
        clearTimeout(waiting);
        if (over) return;
        const deadline = endAfter(timeoutMs, `The name servers did not answer within ${timeoutMs} ms`);
        const found = Promise.resolve(hostname).then(lookup);
        await found.then(resolve, reject);
        clearTimeout(deadline);
      });
    });
}

import type { LookupAddress } from 'node:dns';
import pLimit from 'p-limit';
import { ImportError } from '../contract/errors.js';

/** All addresses of a host name; rejects as `dns.lookup` does. */
export type Lookup = (hostname: string) => Promise<readonly LookupAddress[]>;

/**
 * getaddrinfo blocks one of libuv's four threads until it returns, and libuv gives it half of them whatever is asked for: more
 * at a time would wait unseen, and the other two stay free for files.
 */
const CONCURRENT_LOOKUPS = 2;

export interface LookupWays {
  /** getaddrinfo, which knows the hosts file and whatever else the system consults. */
  readonly system: Lookup;
  /** Needs no thread. */
  readonly direct: Lookup;
  /** Longest look-up, from when it begins. */
  readonly timeoutMs: number;
  /** Longest wait for a free thread; the look-up then takes the direct way. */
  readonly patienceMs: number;
}

function inTime(found: ReturnType<Lookup>, timeoutMs: number): ReturnType<Lookup> {
  return new Promise((resolve, reject) => {
    const message = `The name servers did not answer within ${timeoutMs} ms`;
    const deadline = setTimeout(() => {
      reject(new ImportError('dns_failed', message, { stage: 'resolve' }));
    }, timeoutMs).unref(); // a lookup without a waiter must not delay the shutdown
    found.then(resolve, reject).finally(() => {
      clearTimeout(deadline);
    });
  });
}

/**
 * Puts a queue in front of the system's look-ups, so that slow names do not use up the time of healthy ones: the deadline of a
 * look-up starts when it begins. One that misses it keeps its place until it really returns, because its thread is still busy;
 * a name whose servers are silent holds it for 10 s and more. Two such names would hold up all others, hence the second way.
 * @returns a lookup that also rejects with ImportError dns_failed, for a look-up that takes too long
 */
export function limitLookups({ system, direct, timeoutMs, patienceMs }: LookupWays): Lookup {
  const limit = pLimit(CONCURRENT_LOOKUPS);

  return (hostname) =>
    new Promise((resolve, reject) => {
      const begin = (lookup: Lookup) => {
        const found = Promise.resolve(hostname).then(lookup);
        inTime(found, timeoutMs).then(resolve, reject);
        return found;
      };
      let isElsewhere = false;
      const waiting = setTimeout(() => {
        isElsewhere = true;
        void begin(direct).catch(() => undefined);
      }, patienceMs).unref();
      void limit(async () => {
        clearTimeout(waiting);
        if (!isElsewhere) await begin(system).catch(() => undefined);
      });
    });
}

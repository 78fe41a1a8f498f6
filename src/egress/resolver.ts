import type { LookupAddress } from 'node:dns';
import { Resolver as DnsResolver, lookup as systemLookup } from 'node:dns/promises';
import pLimit from 'p-limit';
import pTimeout from 'p-timeout';
import { errorCode, ImportError } from '../domain/errors.js';
import { isNat64Address, isPermitted, notAllowed, type AllowList } from './addresses.js';

/** All addresses of a host name; rejects as `dns.lookup` does. */
export type Lookup = (hostname: string) => Promise<readonly LookupAddress[]>;

/**
 * getaddrinfo blocks one of libuv's four threads until it returns, and libuv gives it half of them whatever is asked for: more
 * at a time would wait unseen, and the other two stay free for files.
 */
const CONCURRENT_LOOKUPS = 2;

export interface Lookups {
  /** getaddrinfo, which knows the hosts file and whatever else the system consults. */
  readonly system: Lookup;
  /** Needs no thread. */
  readonly direct: Lookup;
  /** Longest look-up, from when it begins. */
  readonly timeoutMs: number;
  /** Longest wait for a free thread; the look-up then takes the direct way. */
  readonly patienceMs: number;
}

/** A look-up without a waiter must not delay the shutdown. */
const unrefTimers = {
  setTimeout: ((step: () => void, ms: number) => setTimeout(step, ms).unref()) as typeof setTimeout,
  clearTimeout: (timer?: NodeJS.Timeout | string | number) => {
    clearTimeout(timer);
  },
};

function inTime(found: ReturnType<Lookup>, timeoutMs: number): ReturnType<Lookup> {
  return pTimeout(found, {
    milliseconds: timeoutMs,
    customTimers: unrefTimers,
    fallback: () => {
      const message = `The name servers did not answer within ${timeoutMs} ms`;
      throw new ImportError('dns_failed', message, { stage: 'resolve' });
    },
  });
}

/**
 * Puts a queue in front of the system's look-ups, so that slow names do not use up the time of healthy ones: the deadline of a
 * look-up starts when it begins. One that misses it keeps its place until it really returns, because its thread is still busy;
 * a name whose servers are silent holds it for 10 s and more. Two such names would hold up all others, hence the second way.
 * @returns a lookup that also rejects with ImportError dns_failed, for a look-up that takes too long
 */
export function limitLookups({ system, direct, timeoutMs, patienceMs }: Lookups): Lookup {
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

export interface DirectLookupDeps {
  /** Longest look-up; its questions are withdrawn then. */
  readonly timeoutMs: number;
  /** `address:port` of name servers; those of the system when absent. */
  readonly servers?: readonly string[];
}

/** Two questions to each server, so that one lost packet does not lose the name; c-ares doubles the pause between them. */
const QUESTION = { timeout: 1500, tries: 2 };

/**
 * Asks the name servers without a thread (c-ares). It does not read the hosts file, so a name it cannot find may still be known to the
 * system: such a failure says nothing final about the name. Search domains are not tried. A family that fails is left out: only
 * addresses that were answered, and then vetted, are ever dialled.
 * @returns a lookup that rejects with an error of the code EAI_AGAIN
 */
export function createDirectLookup({ timeoutMs, servers }: DirectLookupDeps): Lookup {
  return async (hostname) => {
    // One for each name: it reads resolv.conf as it is now, and cancelling it affects no other lookup.
    const resolver = new DnsResolver(QUESTION);
    if (servers !== undefined) resolver.setServers(servers);
    const deadline = setTimeout(() => {
      resolver.cancel();
    }, timeoutMs).unref();
    const [four, six] = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
    clearTimeout(deadline);
    const addresses = [
      ...(four.status === 'fulfilled' ? four.value.map((address) => ({ address, family: 4 })) : []),
      ...(six.status === 'fulfilled' ? six.value.map((address) => ({ address, family: 6 })) : []),
    ];
    if (addresses.length === 0) throw Object.assign(new Error('No name server knew an address'), { code: 'EAI_AGAIN' });
    return addresses;
  };
}

export interface ResolverDeps {
  readonly allow: AllowList;
  readonly lookup?: Lookup;
  /** The way around busy threads; `lookup` when only that is given. */
  readonly directLookup?: Lookup;
  /** Longest look-up, from when it begins. */
  readonly timeoutMs?: number;
  /** Longest wait of a look-up for its turn. */
  readonly patienceMs?: number;
  readonly keepMs?: number;
}

export interface Resolver {
  /**
   * The addresses of a name that may be dialled on this port, at least one.
   * @throws ImportError url_not_allowed when any address may not be dialled, dns_failed
   */
  resolve(hostname: string, port: number): Promise<readonly LookupAddress[]>;
}

interface KnownName {
  readonly answer: Promise<readonly LookupAddress[]>;
  expiresAt: number;
}

/** getaddrinfo's own patience is 10 s and more; a name that takes 5 s is in trouble (smokescreen's limit too). */
const DNS_TIMEOUT_MS = 5000;
/** Twenty healthy names take their turns in this time; names that hang hold a thread for 10 to 30 s (resolv.conf: 2 tries of 5 s a server). */
const PATIENCE_MS = 1000;
/** One look-up serves a page of items of one host (a look-up costs a libuv thread), yet a changed record is seen soon. */
const KEEP_MS = 5000;
/** Bounds memory when every item has a host of its own; the oldest name goes first. */
const MAX_KNOWN_NAMES = 1000;
/** A misspelt name stays misspelt, a fresh record may take a minute to arrive (CONTRACT, Attempts). */
const UNKNOWN_NAME_ATTEMPTS = 3;
const UNKNOWN_NAME_CODES: ReadonlySet<unknown> = new Set(['ENOTFOUND', 'ENODATA']);

function dnsFailed(error: unknown): ImportError {
  if (error instanceof ImportError) return error;
  return UNKNOWN_NAME_CODES.has(errorCode(error))
    ? new ImportError('dns_failed', 'The host name is not known', {
        stage: 'resolve',
        maxAttempts: UNKNOWN_NAME_ATTEMPTS,
      })
    : new ImportError('dns_failed', 'The host name could not be resolved', { stage: 'resolve' });
}

/**
 * Resolves names and vets what comes back. One refused address refuses the name, because a mixed answer is how rebinding
 * looks; NAT64 answers are dropped instead, DNS64 networks add them to good ones. Answers are kept a few seconds and
 * concurrent look-ups of a name are one; failures are not kept.
 */
export function createResolver({ allow, lookup, directLookup, ...limits }: ResolverDeps): Resolver {
  const { timeoutMs = DNS_TIMEOUT_MS, patienceMs = PATIENCE_MS, keepMs = KEEP_MS } = limits;
  const lookUp = limitLookups({
    system: lookup ?? ((name) => systemLookup(name, { all: true })),
    direct: directLookup ?? lookup ?? createDirectLookup({ timeoutMs }),
    timeoutMs,
    patienceMs,
  });
  const known = new Map<string, KnownName>();

  function addressesOf(hostname: string): Promise<readonly LookupAddress[]> {
    const kept = known.get(hostname);
    if (kept !== undefined && kept.expiresAt > performance.now()) return kept.answer;
    const answer = lookUp(hostname).catch((error: unknown) => {
      throw dnsFailed(error);
    });
    const fresh: KnownName = { answer, expiresAt: Infinity };
    known.delete(hostname);
    known.set(hostname, fresh);
    for (const oldest of known.keys()) {
      if (known.size <= MAX_KNOWN_NAMES) break;
      known.delete(oldest);
    }
    fresh.answer.then(
      () => {
        fresh.expiresAt = performance.now() + keepMs;
      },
      () => {
        if (known.get(hostname) === fresh) known.delete(hostname);
      },
    );
    return fresh.answer;
  }

  return {
    async resolve(hostname, port) {
      const addresses = await addressesOf(hostname);
      if (addresses.length === 0) throw dnsFailed(undefined);
      const candidates = addresses.filter(({ address }) => allow.has(address, port) || !isNat64Address(address));
      const vetted = candidates.every(({ address }) => isPermitted(address, port, allow));
      if (!vetted || candidates.length === 0) throw notAllowed('resolve');
      return candidates;
    },
  };
}

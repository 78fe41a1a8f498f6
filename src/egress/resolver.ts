import type { LookupAddress } from 'node:dns';
import { lookup as systemLookup } from 'node:dns/promises';
import { ImportError } from '../contract/errors.js';
import { isNat64Address } from './address-rules.js';
import type { AllowList } from './allow-list.js';
import { createDirectLookup } from './direct-lookup.js';
import { isPermitted } from './is-permitted.js';
import type { Lookup } from './limit-lookups.js';
import { limitLookups } from './limit-lookups.js';
import { notAllowed } from './not-allowed.js';

export type { Lookup };

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
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return UNKNOWN_NAME_CODES.has(code)
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

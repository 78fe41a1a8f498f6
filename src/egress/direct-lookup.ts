import { Resolver } from 'node:dns/promises';
import type { Lookup } from './limit-lookups.js';

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
    const resolver = new Resolver(QUESTION);
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

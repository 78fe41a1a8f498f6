import type { LookupAddress } from 'node:dns';
import { isIPv6 } from 'node:net';
import type { Lookup } from '../../src/egress/resolver.js';

export interface FakeResolver {
  readonly lookup: Lookup;
  /** Every name that was looked up, in order. */
  readonly asked: readonly string[];
}

/** Addresses; `never` does not answer at all; anything else is the code that `dns.lookup` rejects with. */
export type FakeAnswer = readonly string[] | 'never' | 'ENOTFOUND' | 'EAI_AGAIN';

function toAddress(address: string): LookupAddress {
  return { address, family: isIPv6(address) ? 6 : 4 };
}

/** Fixed, or by how often the name was asked for (0 at first), as a rebinding name server answers. */
export type FakeZone = Readonly<Record<string, FakeAnswer | ((turn: number) => FakeAnswer)>>;

/** A resolver with a zone of its own; a name that the zone does not hold is unknown. */
export function createFakeResolver(zone: FakeZone): FakeResolver {
  const asked: string[] = [];
  return {
    asked,
    lookup(hostname) {
      const turn = asked.filter((name) => name === hostname).length;
      asked.push(hostname);
      const entry = zone[hostname] ?? 'ENOTFOUND';
      const answer = typeof entry === 'function' ? entry(turn) : entry;
      if (answer === 'never') return new Promise(() => undefined);
      if (typeof answer === 'string') {
        return Promise.reject(Object.assign(new Error(`getaddrinfo ${answer} ${hostname}`), { code: answer }));
      }
      return Promise.resolve(answer.map(toAddress));
    },
  };
}

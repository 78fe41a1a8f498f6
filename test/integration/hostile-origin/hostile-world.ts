import { DOMAIN, CANARY, type Fault, type Place } from '../../servers/hostile-origin/fault.js';
import { ALL_FAULTS } from '../../servers/hostile-origin/matrix.js';
import { parseAllowList, type AllowList } from '../../../src/egress/addresses.js';
import type { Lookup } from '../../../src/egress/resolver.js';
import { AUTHORITY } from '../../servers/hostile-origin/certificates.js';
import { createHostileLookup } from './hostile-lookup.js';
import { startPlaces } from './places.js';
import { trustAuthority } from './trust-authority.js';

export interface HostileWorld {
  readonly allow: AllowList;
  readonly lookup: Lookup;
  /**
   * Where the fault can be met from now on.
   * @param run keeps what behaviours remember apart
   */
  urlOf(fault: Fault, run: string, swept: boolean): string;
  openSockets(): number;
  close(): Promise<void>;
}

const ANY_TLS: ReadonlySet<Place> = new Set(['tls', 'silent', 'origin-as-tls']);

/** A host for each fault, so that none has to wait for the slots or connections of another one. */
const hostOf = new Map(ALL_FAULTS.map((fault, index) => [fault, `f${index}.${DOMAIN}`]));

/** @param resolveMs how long a look-up may take */
export async function startHostileWorld(resolveMs: number): Promise<HostileWorld> {
  const faultOf = new Map([...hostOf].map(([fault, host]) => [host, fault]));
  const places = await startPlaces(new Map([...faultOf].map(([host, fault]) => [host, fault.certificate])));
  const distrust = trustAuthority(AUTHORITY);
  const ports = new Set(Object.values(places.ports));
  return {
    allow: parseAllowList([...ports].map((port) => `127.0.0.1/32:${port}`).join(',')),
    lookup: createHostileLookup(faultOf, resolveMs),
    urlOf(fault, run, swept) {
      const { place = 'origin', answer } = fault;
      const host = hostOf.get(fault);
      if (host === undefined) throw new Error('The fault is not in the table');
      const path = `/${run}/${host}`;
      if (answer !== undefined) places.origin.route(path, answer({ path, host, port: places.origin.port, swept }));
      const scheme = ANY_TLS.has(place) ? 'https' : 'http';
      return `${scheme}://${host}:${places.ports[place]}${path}?token=${CANARY}`;
    },
    openSockets: () => places.openSockets(),
    async close() {
      distrust();
      await places.close();
    },
  };
}

import { setTimeout as pause } from 'node:timers/promises';
import { limitLookups, type Lookup } from '../../../src/egress/resolver.js';
import { NAMES, type Fault } from '../../servers/hostile-origin/fault.js';
import { createFakeResolver, type FakeAnswer } from '../../support/fake-resolver.js';

/**
 * The names of the faults. One that never answers is given up after `resolveMs`, as the door to foreign hosts does after its own,
 * fixed limit, which would be too long for a test.
 */
export function createHostileLookup(faultOf: ReadonlyMap<string, Fault>, resolveMs: number): Lookup {
  const zone: Record<string, FakeAnswer> = { [NAMES.private]: ['10.0.0.7'] };
  for (const [host, { name = ['127.0.0.1'] }] of faultOf) zone[host] = name;
  const { lookup } = createFakeResolver(zone);
  // A hung look-up comes back at some time, as getaddrinfo does, and gives its place to another one.
  const slow: Lookup = () => pause(2 * resolveMs, []);
  const hung = limitLookups({ system: slow, direct: slow, timeoutMs: resolveMs, patienceMs: 1 });
  return (host) => (zone[host] === 'never' ? hung : lookup)(host);
}

import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import type { HostOutcome, PausePolicy } from '../../src/host-limits/circuit.js';
import type { HostCircuit, HostRate, HostStore } from '../../src/domain/host.js';
import { createHostLimiter, type HostLimiter } from '../../src/host-limits/host-limiter.js';
import type { HostRequest } from '../../src/host-limits/admission.js';
import { aTestStore } from './store.js';

export const ANSWERED: HostOutcome = { kind: 'answered' };
export const DOWN: HostOutcome = { kind: 'down', code: 'connect_failed' };
export const NEVER_OVER = new AbortController().signal;
setMaxListeners(0, NEVER_OVER);

export interface LimiterChanges {
  readonly store?: HostStore;
  readonly policy?: PausePolicy;
  readonly sharedMax?: number;
  readonly ownMax?: number;
  readonly rate?: HostRate;
}

/** The limiter of one worker of its own. */
export function aHostLimiter(store: HostStore, changes: LimiterChanges = {}): HostLimiter {
  return createHostLimiter({
    store,
    policy: { attempts: 3, initialMs: 100, maxMs: 400 },
    sharedMax: 4,
    ownMax: 4,
    metrics: { hostCooled: () => undefined, hostWaited: () => undefined },
    ...changes,
  });
}

/** A store, and the limiters of workers on it. */
export interface LimiterRig {
  readonly hosts: HostStore;
  aLimiter(changes?: LimiterChanges): HostLimiter;
  close(): Promise<void>;
}

export async function aLimiterRig(): Promise<LimiterRig> {
  const test = await aTestStore();
  const { hosts } = test.store;
  const limiters: HostLimiter[] = [];
  return {
    hosts,
    aLimiter: (changes) => {
      const limiter = aHostLimiter(hosts, changes);
      limiters.push(limiter);
      return limiter;
    },
    close: async () => {
      await Promise.all(limiters.map((limiter) => limiter.close()));
      await test.close();
    },
  };
}

/** An item of a project and an import of the test's own. */
export function aHostRequest(changes: Partial<HostRequest> = {}): HostRequest {
  return { projectId: 'p', batchId: 'b', url: `https://h.example/${randomUUID()}`, since: new Date(0), ...changes };
}

/** Visits a host once, for another URL each time, and answers how that went. */
export function visitOnce(
  limiter: HostLimiter,
  host: string,
  outcome: HostOutcome = ANSWERED,
  { over = NEVER_OVER, ...visitor }: Partial<HostRequest> & { over?: AbortSignal } = {},
) {
  return limiter.visit(host, aHostRequest(visitor), over, () => Promise.resolve({ host: outcome }));
}

/** Work that begins and stays until it is told to end. */
export function aStay() {
  const end = new AbortController();
  setMaxListeners(0, end.signal);
  let begun = 0;
  const work = async () => {
    begun += 1;
    await new Promise((resolve) => {
      end.signal.addEventListener('abort', resolve);
    });
    return { host: ANSWERED };
  };
  return {
    work,
    end: () => {
      end.abort();
    },
    get begun() {
      return begun;
    },
  };
}

/** Opens the circuit of a host that was tried in vain as often as items are, after any import of the test was accepted. */
export async function giveUpHost(
  store: HostStore,
  host: string,
  circuit: Pick<HostCircuit, 'projectId' | 'evidence' | 'code'>,
): Promise<void> {
  const later = new Date(Date.now() + 60_000);
  await store.changeCircuits(host, () => [
    {
      ...{ ...circuit, failures: 12, urls: [], since: new Date('2026-11-24T12:00:00Z'), pauses: 3 },
      ...{ tries: [later, later, later], openUntil: later },
    },
  ]);
}

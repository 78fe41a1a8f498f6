import { setMaxListeners } from 'node:events';
import type { HostOutcome } from '../../src/politeness/host-outcome.js';
import type { HostRate, HostStore } from '../../src/contract/hosts.js';
import { createHostGate, type HostGate } from '../../src/politeness/host-gate.js';
import type { PausePolicy } from '../../src/politeness/host-trouble.js';

export const ANSWERED: HostOutcome = { kind: 'answered' };
export const DOWN: HostOutcome = { kind: 'down', code: 'connect_failed' };
export const NEVER_OVER = new AbortController().signal;
setMaxListeners(0, NEVER_OVER);

export interface GateChanges {
  readonly policy?: PausePolicy;
  readonly sharedMax?: number;
  readonly ownMax?: number;
  readonly rate?: HostRate;
}

/** The gate of one worker of its own. */
export function aHostGate(store: HostStore, changes: GateChanges = {}): HostGate {
  return createHostGate({
    store,
    policy: { attempts: 3, initialMs: 100, maxMs: 400 },
    sharedMax: 4,
    ownMax: 4,
    metrics: { hostCooled: () => undefined, hostWaited: () => undefined },
    ...changes,
  });
}

/** Visits a host once and answers how that went. */
export function visitOnce(gate: HostGate, host: string, outcome: HostOutcome = ANSWERED, over = NEVER_OVER) {
  return gate.visit(host, over, () => Promise.resolve({ host: outcome }));
}

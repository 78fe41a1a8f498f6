import { randomUUID } from 'node:crypto';
import { hostState, type HostCircuit, type HostStore } from '../domain/host.js';
import { afterAttempt, claimProbe, type Attempt, type HostOutcome, type PausePolicy } from './circuit.js';
import type { HostStateCache } from './host-states.js';

export interface SharedCircuitsDeps {
  readonly store: Pick<HostStore, 'changeCircuits'>;
  readonly states: HostStateCache;
  readonly policy: PausePolicy;
  readonly metrics: { hostCooled(code: string): void };
  /** The clock that all workers share. */
  readonly now: () => Date;
}

/** What an attempt at a host's item ended with. */
export interface Visit {
  readonly host: HostOutcome;
  /** The host that the outcome is about, when a redirect led to another one. */
  readonly answeredBy?: string | undefined;
}

/** none: the circuit is closed; taken: another attempt is the probe. */
export type ProbeClaim = { readonly kind: 'ours'; readonly token: string } | { readonly kind: 'none' | 'taken' };

/** The circuits of hosts in MongoDB: what circuit.ts decides is written there, and remembered here. */
export class SharedCircuits {
  constructor(private readonly deps: SharedCircuitsDeps) {}

  /** The circuits of a host as far as this process knows. */
  of(host: string): readonly HostCircuit[] {
    return this.deps.states.last(host)?.circuits ?? [];
  }

  /**
   * Claims the probe of a half-open circuit. What this process knows says first whether there may be one.
   * @throws whatever the store throws
   */
  async claimProbe(host: string, projectId: string): Promise<ProbeClaim> {
    const isHalfOpen = (circuits: readonly HostCircuit[]) =>
      circuits.some((each) => each.projectId === projectId && each.openUntil !== undefined);
    if (!isHalfOpen(this.of(host))) return { kind: 'none' };
    const token = randomUUID();
    const circuits = await this.change(host, (known) => claimProbe(known, projectId, token, this.deps.now()));
    // Another probe has succeeded meanwhile.
    if (!isHalfOpen(circuits)) return { kind: 'none' };
    const isOurs = circuits.some((each) => each.projectId === projectId && each.probe?.token === token);
    return isOurs ? { kind: 'ours', token } : { kind: 'taken' };
  }

  /**
   * Learns from an attempt.
   * @returns milliseconds for which the host may not be asked now; 0 when it may
   * @throws whatever the store throws
   */
  async learn(host: string, outcome: HostOutcome, attempt: Attempt): Promise<number> {
    const { policy, metrics, now } = this.deps;
    const isQuiet = outcome.kind === 'answered' || outcome.kind === 'unasked';
    // The usual case: nothing was wrong, and nothing is.
    if (isQuiet && attempt.probe === undefined && this.of(host).length === 0) return 0;
    const pausesOf = (circuits: readonly HostCircuit[]) =>
      circuits.find((each) => each.projectId === attempt.projectId)?.pauses ?? 0;
    let pauses = 0;
    const circuits = await this.change(host, (known) => {
      pauses = pausesOf(known);
      return afterAttempt(known, outcome, attempt, { now: now(), policy });
    });
    if (!isQuiet && pausesOf(circuits) > pauses) metrics.hostCooled(outcome.code);
    const at = now();
    const state = hostState({ circuits }, attempt.projectId, at);
    return state.state === 'cooling' ? Math.max(1, state.until.getTime() - at.getTime()) : 0;
  }

  /**
   * Learns about the host of the item, and about the one that a redirect led to: the first has answered then.
   * @returns as `learn`, of the host of the item
   * @throws whatever the store throws
   */
  async learnFrom(host: string, { host: outcome, answeredBy }: Visit, attempt: Attempt): Promise<number> {
    if (answeredBy === undefined || answeredBy === host) return this.learn(host, outcome, attempt);
    await this.learn(answeredBy, outcome, { ...attempt, probe: undefined });
    return this.learn(host, { kind: 'answered' }, attempt);
  }

  private async change(host: string, decide: (circuits: readonly HostCircuit[]) => readonly HostCircuit[]) {
    const { store, states } = this.deps;
    const circuits = await store.changeCircuits(host, decide);
    states.learnCircuits(host, circuits);
    return circuits;
  }
}

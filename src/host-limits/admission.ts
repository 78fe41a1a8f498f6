import {
  PROBE_LOOK_MS,
  blockedUntil,
  hostState,
  type HostCircuit,
  type HostRate,
  type HostRecord,
  type HostStore,
} from '../domain/host.js';
import { exhaustedCircuit, type PausePolicy } from './circuit.js';
import type { HostStateCache } from './host-states.js';
import type { SharedCircuits } from './shared-circuits.js';

/** Which item of which import wants to go to a host. */
export interface HostRequest {
  readonly projectId: string;
  readonly batchId: string;
  readonly url: string;
  /** It may take hours: long work leaves some connections to its host for small files. */
  readonly isLong?: boolean;
  /** Failures of the host before that do not count against the import: when it was accepted, or opened again. */
  readonly since: Date;
}

/** closed: the host may not be asked for `restMs`; hopeless: it has failed for as long as an item is tried. */
export type Refusal =
  { readonly kind: 'closed'; readonly restMs: number } | { readonly kind: 'hopeless'; readonly circuit: HostCircuit };

/** What a visitor holds beside a slot: the token of the probe when it is one. */
export interface Admitted {
  readonly kind: 'admitted';
  readonly probe?: string;
}

/** Why a host may not be asked, from what is known of it; null when it may. */
export function refusalOf(
  record: HostRecord,
  { projectId, since }: Pick<HostRequest, 'projectId' | 'since'>,
  { now, policy }: { now: Date; policy: PausePolicy },
): Refusal | null {
  if (record.circuits.length === 0 && record.restingUntil === undefined) return null;
  const circuit = exhaustedCircuit(record.circuits, projectId, since, policy);
  if (circuit !== null) return { kind: 'hopeless', circuit };
  const until = blockedUntil(hostState(record, projectId, now), now);
  return until === 0 ? null : { kind: 'closed', restMs: Math.max(1, until - now.getTime()) };
}

export interface AdmissionDeps {
  readonly store: Pick<HostStore, 'rest'>;
  readonly states: HostStateCache;
  readonly circuits: SharedCircuits;
  readonly policy: PausePolicy;
  readonly rate: HostRate | undefined;
  /** The clock that all workers share. */
  readonly now: () => Date;
}

/** Says whether a host may be asked, and claims what a visit needs beside a slot. */
export class Admission {
  constructor(private readonly deps: AdmissionDeps) {}

  /**
   * As `refusalOf`. A probe is under way for a moment only, so that is never taken from memory.
   * @throws whatever the store throws
   */
  async refusal(record: HostRecord, visitor: HostRequest): Promise<Refusal | null> {
    const { states, policy } = this.deps;
    const moment = { now: this.deps.now(), policy };
    const refused = refusalOf(record, visitor, moment);
    if (refused?.kind !== 'closed' || hostState(record, visitor.projectId, moment.now).state !== 'probing')
      return refused;
    return refusalOf(await states.read(record.host, 'fresh'), visitor, moment);
  }

  /**
   * Claims a place in the rate, and the probe of a half-open circuit.
   * @throws whatever the store throws
   */
  async admit(host: string, visitor: HostRequest): Promise<Refusal | Admitted> {
    const { states, circuits } = this.deps;
    const refused = (await this.refusal(await states.read(host), visitor)) ?? (await this.overRate(host));
    if (refused !== null) return refused;
    const claim = await circuits.claimProbe(host, visitor.projectId);
    if (claim.kind === 'taken') return { kind: 'closed', restMs: PROBE_LOOK_MS };
    return claim.kind === 'ours' ? { kind: 'admitted', probe: claim.token } : { kind: 'admitted' };
  }

  /** Counts a visit in the rate; where that is used up, the host rests for all workers. */
  private async overRate(host: string): Promise<Refusal | null> {
    const { store, states, rate, now } = this.deps;
    const restMs = rate === undefined ? 0 : await rate.consume(host);
    if (restMs === 0) return null;
    const until = new Date(now().getTime() + restMs);
    states.learnRest(host, until);
    await store.rest(host, until);
    return { kind: 'closed', restMs };
  }
}

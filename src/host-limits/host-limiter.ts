import { randomUUID } from 'node:crypto';
import {
  PROBE_LOOK_MS,
  blockedUntil,
  hostState,
  type HostCircuit,
  type HostRate,
  type HostRecord,
  type HostStore,
} from '../domain/host.js';
import {
  afterAttempt,
  allowedConcurrency,
  claimProbe,
  hopelessCircuit,
  urlDigest,
  type Attempt,
  type PausePolicy,
  type HostOutcome,
} from './circuit.js';
import { createHostSlots, type HostSlots } from './host-slots.js';
import { createHostStateCache } from './host-states.js';
import { createLease } from './lease.js';

export interface HostLimiterOptions {
  readonly store: HostStore;
  readonly policy: PausePolicy;
  /** Items of one host under way at a time: in all workers, and in this one. */
  readonly sharedMax: number;
  readonly ownMax: number;
  /** Absent: as many as the slots let through. */
  readonly rate?: HostRate;
  readonly metrics: HostMetrics;
}

interface HostMetrics {
  hostCooled(code: string): void;
  hostWaited(): void;
}

/**
 * How long an item waits for a slot of its host. Long enough for the slots of a host that answers, which change hands many times a
 * second; whatever waits longer would only keep a slot of the worker from other hosts.
 */
const PATIENCE_MS = 1_000;
/** Long downloads leave so many connections to each host for small files, where there are that many. */
const KEPT_FOR_SMALL = 2;

/** Which item of which import wants to go to a host. */
export interface Visitor {
  readonly projectId: string;
  readonly batchId: string;
  readonly url: string;
  /** It may take hours: see `KEPT_FOR_SMALL`. */
  readonly isLong?: boolean;
  /** Failures of the host before that do not count against the import: when it was accepted, or opened again. */
  readonly since: Date;
}

/** What an attempt at a host's item ended with. */
interface Visit {
  readonly host: HostOutcome;
  /** The host that the outcome is about, when a redirect led to another one. */
  readonly answeredBy?: string | undefined;
}

/**
 * done: the work is done; `restMs` is how long the host may not be asked now, 0 when it may; `isHopeless` when it has failed for as long
 * as an item is tried. The others did not begin it: full:
 * there was no slot in time; closed: the host may not be asked for `restMs`; hopeless: it has failed for as long as an item is
 * tried; over: the signal aborted.
 */
export type Visited<T> =
  { readonly kind: 'done'; readonly result: T; readonly restMs: number; readonly isHopeless: boolean } | NotVisited;
type NotVisited =
  | { readonly kind: 'over' }
  | { readonly kind: 'full' }
  | { readonly kind: 'closed'; readonly restMs: number }
  | { readonly kind: 'hopeless'; readonly circuit: HostCircuit };

/** What work tells while it is under way. */
export interface AtHost {
  /** May be called as soon as the host has shown that it works. */
  readonly answered: () => void;
  /** Nothing more is asked of the host: its slot goes to the next one while what came is stored. */
  readonly leave: () => void;
  /** Takes one of the places for long work at the host; false when they are taken. */
  readonly stay: () => boolean;
  /** Whether other items wait for a slot of the host in this process. */
  readonly isWaitedFor: () => boolean;
}

/** The one way to a source host: it lets work through when there is a place for it, and learns from how it ended. */
export interface HostLimiter {
  /**
   * Runs work on one host if a slot is free within a second and the circuit lets it through.
   * @throws whatever the work or the store throws
   */
  visit<T extends Visit>(
    host: string,
    visitor: Visitor,
    over: AbortSignal,
    work: (at: AtHost) => Promise<T>,
  ): Promise<Visited<T>>;
  /** Whether this process knows of no failures of the host. */
  seemsWell(host: string): boolean;
  /** Those of the hosts that have circuits or rest, read now. */
  unwell(hosts: Iterable<string>): Promise<HostRecord[]>;
  /** The failed host without hope for an import, see `hopelessCircuit`. */
  hopeless(record: HostRecord, visitor: Pick<Visitor, 'projectId' | 'since'>): HostCircuit | null;
  /** The clock that all workers share. */
  readonly now: () => Date;
  /** Items of one host that may begin in one window, when there is a rate. */
  readonly ratePoints: number | undefined;
  /** Items of one host that may be under way at a time in all workers. */
  readonly sharedMax: number;
  /** For metrics: as far as this process knows. */
  readonly counts: () => { readonly active: number; readonly cooling: number };
  /**
   * Begins to renew the lease before there is any work, so that this process is steady by the time that the work of a dead worker is
   * given out again, and can free the slots of the dead at once.
   * @throws whatever the store throws
   */
  join(): Promise<void>;
  /** Gives back what was taken. */
  close(): Promise<void>;
}

export function createHostLimiter(options: HostLimiterOptions): HostLimiter {
  const { store, policy, sharedMax, ownMax, rate, metrics } = options;
  const slotsOfHosts = new Map<string, HostSlots>();
  const underWay = createTally();
  const views = createHostStateCache(store);
  const lease = createLease({
    leases: store.leases,
    onLost: () => {
      for (const slots of slotsOfHosts.values()) slots.lost();
    },
  });
  const mostLong = Math.max(1, Math.min(sharedMax, ownMax) - KEPT_FOR_SMALL);

  /** As far as this process knows. */
  const circuitsOf = (host: string): readonly HostCircuit[] => views.last(host)?.circuits ?? [];

  const slotsOf = (host: string): HostSlots => {
    const known = slotsOfHosts.get(host);
    if (known !== undefined) return known;
    const slots = createHostSlots(host, { store, lease, views, sharedMax, ownMax }, () => slotsOfHosts.delete(host));
    slotsOfHosts.set(host, slots);
    return slots;
  };

  const change = async (host: string, decide: (circuits: readonly HostCircuit[]) => readonly HostCircuit[]) => {
    const circuits = await store.changeCircuits(host, decide);
    views.learnCircuits(host, circuits);
    return circuits;
  };

  /** Why the work may not begin; null when it may. A probe is under way for a moment only, so that is never taken from memory. */
  const closedBy = async (record: HostRecord, { projectId, since }: Visitor): Promise<NotVisited | null> => {
    const now = lease.now();
    if (record.circuits.length === 0 && record.restingUntil === undefined) return null;
    const circuit = hopelessCircuit(record.circuits, projectId, since, policy);
    if (circuit !== null) return { kind: 'hopeless', circuit };
    let state = hostState(record, projectId, now);
    if (state.state === 'probing') state = hostState(await views.read(record.host, 'fresh'), projectId, now);
    const until = blockedUntil(state, now);
    return until === 0 ? null : { kind: 'closed', restMs: Math.max(1, until - now.getTime()) };
  };

  /** Claims what the work needs beside a slot: a place in the rate, and the probe of a half-open circuit. */
  const admit = async (host: string, visitor: Visitor): Promise<NotVisited | { kind: 'admitted'; probe?: string }> => {
    const closed = await closedBy(await views.read(host), visitor);
    if (closed !== null) return closed;
    if (rate !== undefined) {
      const restMs = await rate.consume(host);
      if (restMs > 0) {
        const until = new Date(lease.now().getTime() + restMs);
        views.learnRest(host, until);
        await store.rest(host, until);
        return { kind: 'closed', restMs };
      }
    }
    const { projectId } = visitor;
    const isHalfOpen = (circuits: readonly HostCircuit[]) =>
      circuits.some((each) => each.projectId === projectId && each.openUntil !== undefined);
    if (!isHalfOpen(circuitsOf(host))) return { kind: 'admitted' };
    const probe = randomUUID();
    const circuits = await change(host, (known) => claimProbe(known, projectId, probe, lease.now()));
    // Another probe has succeeded meanwhile.
    if (!isHalfOpen(circuits)) return { kind: 'admitted' };
    const isOurs = circuits.some((each) => each.projectId === projectId && each.probe?.token === probe);
    return isOurs ? { kind: 'admitted', probe } : { kind: 'closed', restMs: PROBE_LOOK_MS };
  };

  /** Learns from an attempt. Answers for how many milliseconds the host may not be asked for now. */
  const learn = async (host: string, outcome: HostOutcome, attempt: Attempt): Promise<number> => {
    const isQuiet = outcome.kind === 'answered' || outcome.kind === 'unasked';
    // The usual case: nothing was wrong, and nothing is.
    if (isQuiet && attempt.probe === undefined && circuitsOf(host).length === 0) return 0;
    const pausesOf = (circuits: readonly HostCircuit[]) =>
      circuits.find((each) => each.projectId === attempt.projectId)?.pauses ?? 0;
    let pauses = 0;
    const circuits = await change(host, (known) => {
      pauses = pausesOf(known);
      return afterAttempt(known, outcome, attempt, { now: lease.now(), policy });
    });
    if (!isQuiet && pausesOf(circuits) > pauses) metrics.hostCooled(outcome.code);
    const now = lease.now();
    const state = hostState({ circuits }, attempt.projectId, now);
    return state.state === 'cooling' ? Math.max(1, state.until.getTime() - now.getTime()) : 0;
  };

  /** Learns about the host of the item, and about the one that a redirect led to: the first has answered then. */
  const learnFrom = async (host: string, { host: outcome, answeredBy }: Visit, attempt: Attempt): Promise<number> => {
    if (answeredBy === undefined || answeredBy === host) return learn(host, outcome, attempt);
    await learn(answeredBy, outcome, { ...attempt, probe: undefined });
    return learn(host, { kind: 'answered' }, attempt);
  };

  const visit = async <T extends Visit>(
    host: string,
    visitor: Visitor,
    over: AbortSignal,
    work: (at: AtHost) => Promise<T>,
  ): Promise<Visited<T>> => {
    const { projectId, batchId, url, isLong = false } = visitor;
    const known = views.peek(host);
    const closed = known === undefined ? null : await closedBy(known, visitor);
    if (closed !== null) return closed;
    const [long, ofProject] = [`long ${host}`, `${projectId} ${host}`];
    const allowed = allowedConcurrency(circuitsOf(host), projectId);
    if ((isLong && underWay.of(long) >= mostLong) || underWay.of(ofProject) >= allowed) return FULL;

    const slots = slotsOf(host);
    const leaveTally = underWay.enter(ofProject);
    let leaveLong = isLong ? underWay.enter(long) : undefined;
    const stay = () => {
      if (leaveLong === undefined && underWay.of(long) < mostLong) leaveLong = underWay.enter(long);
      return leaveLong !== undefined;
    };
    let isHere = false;
    const leave = () => {
      if (isHere) slots.release();
      isHere = false;
    };
    try {
      const answer = await slots.acquire(over, batchId, PATIENCE_MS, () => {
        metrics.hostWaited();
      });
      if (answer === 'closed') return (await closedBy(await views.read(host), visitor)) ?? FULL;
      if (answer !== 'taken') return { kind: answer };
      isHere = true;
      if (over.aborted) return OVER;
      const admission = await admit(host, visitor);
      if (admission.kind !== 'admitted') return admission;
      const attempt = { projectId, url: urlDigest(url), beganAt: lease.now(), probe: admission.probe };
      let outcome: HostOutcome = { kind: 'unasked' };
      try {
        const answered = () => {
          if (outcome.kind === 'answered') return;
          outcome = { kind: 'answered' };
          // A large body takes hours; others need not wait for its end.
          learn(host, outcome, attempt).catch(() => undefined);
        };
        const result = await work({ answered, leave, stay, isWaitedFor: () => slots.waiting > 0 });
        const restMs = await learnFrom(host, result, attempt);
        const circuit = hopelessCircuit(circuitsOf(host), projectId, visitor.since, policy);
        // Once there is no hope left, nothing waits for the host.
        return { kind: 'done', result, ...(circuit === null ? { restMs, isHopeless: false } : HOPELESS) };
      } catch (error) {
        await learn(host, outcome, attempt);
        throw error;
      }
    } finally {
      leave();
      leaveTally();
      leaveLong?.();
    }
  };

  return {
    visit,
    seemsWell: (host) => circuitsOf(host).length === 0,
    unwell: (hosts) => store.findUnwell([...new Set(hosts)]),
    hopeless: ({ circuits }, { projectId, since }) => hopelessCircuit(circuits, projectId, since, policy),
    now: lease.now,
    ratePoints: rate?.points,
    sharedMax,
    counts: () => {
      const now = lease.now();
      let [active, cooling] = [0, 0];
      for (const slots of slotsOfHosts.values()) active += slots.active;
      for (const { circuits } of views.all())
        if (circuits.some(({ openUntil }) => openUntil !== undefined && openUntil > now)) cooling += 1;
      return { active, cooling };
    },
    join: async () => {
      await lease.current();
    },
    close: async () => {
      await Promise.allSettled([...slotsOfHosts.values()].map((slots) => slots.close()));
      await lease.close();
    },
  };
}

const OVER = { kind: 'over' } as const;
const FULL = { kind: 'full' } as const;
const HOPELESS = { restMs: 0, isHopeless: true } as const;

/** Counts who is inside of what. */
function createTally() {
  const counts = new Map<string, number>();
  const add = (key: string, by: number) => {
    const count = (counts.get(key) ?? 0) + by;
    if (count === 0) counts.delete(key);
    else counts.set(key, count);
  };
  return {
    of: (key: string) => counts.get(key) ?? 0,
    enter: (key: string) => {
      add(key, 1);
      return () => {
        add(key, -1);
      };
    },
  };
}

import type { HostCircuit, HostRate, HostRecord, HostStore } from '../domain/host.js';
import { Admission, type Refusal, type HostRequest } from './admission.js';
import { allowedConcurrency, exhaustedCircuit, urlDigest, type HostOutcome, type PausePolicy } from './circuit.js';
import { HostSlots } from './host-slots.js';
import { createHostStateCache } from './host-states.js';
import { createLease } from './lease.js';
import { SharedCircuits, type Visit } from './shared-circuits.js';
import { createTally } from './tally.js';

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

/**
 * done: the work is done; `restMs` is how long the host may not be asked now, 0 when it may; `isHopeless` when it has failed for as long
 * as an item is tried. The others did not begin it, for the host may not be asked, or: full: there was no slot in time; over: the
 * signal aborted.
 */
export type Visited<T> =
  | { readonly kind: 'done'; readonly result: T; readonly restMs: number; readonly isHopeless: boolean }
  | { readonly kind: 'over' }
  | { readonly kind: 'full' }
  | Refusal;

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
    visitor: HostRequest,
    over: AbortSignal,
    work: (at: AtHost) => Promise<T>,
  ): Promise<Visited<T>>;
  /** Whether this process knows of no failures of the host. */
  seemsWell(host: string): boolean;
  /** Those of the hosts that have circuits or rest, read now. */
  unwell(hosts: Iterable<string>): Promise<HostRecord[]>;
  /** The failed host without hope for an import, see `exhaustedCircuit`. */
  hopeless(record: HostRecord, visitor: Pick<HostRequest, 'projectId' | 'since'>): HostCircuit | null;
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

/** The limiter of one worker process; all of those on one database share the slots, circuits and rates of hosts. */
export function createHostLimiter(options: HostLimiterOptions): HostLimiter {
  const { store, policy, sharedMax, ownMax, rate, metrics } = options;
  const slotsOfHosts = new Map<string, HostSlots>();
  const states = createHostStateCache(store);
  const lease = createLease({
    leases: store.leases,
    onLost: () => {
      for (const slots of slotsOfHosts.values()) slots.lost();
    },
  });
  const { now } = lease;
  const circuits = new SharedCircuits({ store, states, policy, metrics, now });
  const admission = new Admission({ store, states, circuits, policy, rate, now });
  const enter = createPlaces(Math.max(1, Math.min(sharedMax, ownMax) - KEPT_FOR_SMALL), circuits);

  const slotsOf = (host: string): HostSlots => {
    const known = slotsOfHosts.get(host);
    if (known !== undefined) return known;
    const slots = new HostSlots(host, { store, lease, states, sharedMax, ownMax }, () => slotsOfHosts.delete(host));
    slotsOfHosts.set(host, slots);
    return slots;
  };

  /** Works with a slot, and learns from how that ends. */
  const workAt = async <T extends Visit>(
    host: string,
    { projectId, url, since }: HostRequest,
    probe: string | undefined,
    work: (answered: () => void) => Promise<T>,
  ): Promise<Visited<T>> => {
    const attempt = { projectId, url: urlDigest(url), beganAt: now(), probe };
    let outcome: HostOutcome = { kind: 'unasked' };
    const answered = () => {
      if (outcome.kind === 'answered') return;
      outcome = { kind: 'answered' };
      // A large body takes hours; others need not wait for its end.
      circuits.learn(host, outcome, attempt).catch(() => undefined);
    };
    try {
      const result = await work(answered);
      const restMs = await circuits.learnFrom(host, result, attempt);
      const isHopeless = exhaustedCircuit(circuits.of(host), projectId, since, policy) !== null;
      // Once there is no hope left, nothing waits for the host.
      return { kind: 'done', result, restMs: isHopeless ? 0 : restMs, isHopeless };
    } catch (error) {
      await circuits.learn(host, outcome, attempt);
      throw error;
    }
  };

  const visit: HostLimiter['visit'] = async (host, visitor, over, work) => {
    const known = states.peek(host);
    const refused = known === undefined ? null : await admission.refusal(known, visitor);
    if (refused !== null) return refused;
    const place = enter(host, visitor);
    if (place === null) return { kind: 'full' };
    const slots = slotsOf(host);
    let hasSlot = false;
    const leave = () => {
      if (hasSlot) slots.release();
      hasSlot = false;
    };
    try {
      const answer = await slots.acquire(over, visitor.batchId, PATIENCE_MS, () => {
        metrics.hostWaited();
      });
      if (answer === 'closed') return (await admission.refusal(await states.read(host), visitor)) ?? { kind: 'full' };
      if (answer !== 'taken') return { kind: answer };
      hasSlot = true;
      if (over.aborted) return { kind: 'over' };
      const admitted = await admission.admit(host, visitor);
      if (admitted.kind !== 'admitted') return admitted;
      return await workAt(host, visitor, admitted.probe, (answered) =>
        work({ answered, leave, stay: place.stay, isWaitedFor: () => slots.waiting > 0 }),
      );
    } finally {
      leave();
      place.leave();
    }
  };

  return {
    visit,
    seemsWell: (host) => circuits.of(host).length === 0,
    unwell: (hosts) => store.findUnwell([...new Set(hosts)]),
    hopeless: (record, { projectId, since }) => exhaustedCircuit(record.circuits, projectId, since, policy),
    now,
    ratePoints: rate?.points,
    sharedMax,
    counts: () => {
      const at = now();
      let [active, cooling] = [0, 0];
      for (const slots of slotsOfHosts.values()) active += slots.active;
      for (const record of states.all())
        if (record.circuits.some(({ openUntil }) => openUntil !== undefined && openUntil > at)) cooling += 1;
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

/** A visitor among those of this process at its host. */
interface Place {
  readonly stay: AtHost['stay'];
  readonly leave: () => void;
}

/**
 * Lets visitors in as far as this process may have them at their host.
 * @param mostLong at one host
 * @returns a function that answers null when there is no place now
 */
function createPlaces(
  mostLong: number,
  circuits: SharedCircuits,
): (host: string, visitor: Pick<HostRequest, 'projectId' | 'isLong'>) => Place | null {
  const longAt = createTally();
  const ofProjectAt = createTally();
  return (host, { projectId, isLong = false }) => {
    // A host name holds no space.
    const ofProject = `${projectId} ${host}`;
    if (ofProjectAt.of(ofProject) >= allowedConcurrency(circuits.of(host), projectId)) return null;
    if (isLong && longAt.of(host) >= mostLong) return null;
    const leaveProject = ofProjectAt.enter(ofProject);
    let leaveLong = isLong ? longAt.enter(host) : undefined;
    return {
      stay: () => {
        if (leaveLong === undefined && longAt.of(host) < mostLong) leaveLong = longAt.enter(host);
        return leaveLong !== undefined;
      },
      leave: () => {
        leaveProject();
        leaveLong?.();
      },
    };
  };
}

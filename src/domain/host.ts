import type { ReasonCode } from './errors.js';

/** One item that is let through to see whether a host works again. */
interface HostProbe {
  /** Of the attempt that has claimed it. */
  readonly token: string;
  /** Another attempt may claim the probe afterwards: the one before has died. */
  readonly until: Date;
}

/**
 * What the failures of a host say. busy: it answers that it wants fewer requests (429, 503 with Retry-After); down: it cannot be
 * reached, or says so itself (502–504); silent: it takes requests and does not answer.
 */
export type HostEvidence = 'busy' | 'down' | 'silent';

/**
 * The circuit of one host for one project. It collects evidence while it is closed; it is open until `openUntil`, and half-open
 * afterwards, when one probe decides. A host without circuits has had no failure since its last answer.
 */
export interface HostCircuit {
  readonly projectId: string;
  readonly evidence: HostEvidence;
  /** Why the latest attempt failed. */
  readonly code: ReasonCode;
  /** Failures in a row. */
  readonly failures: number;
  /** Digests of the different URLs that failed in a row, as many as it takes to open the circuit. */
  readonly urls: readonly string[];
  /** When the first of the failures was. */
  readonly since: Date;
  /** How often it has opened in a row. */
  readonly pauses: number;
  readonly openUntil?: Date;
  /** The failures that opened it: the first one, and each failed probe. */
  readonly tries: readonly Date[];
  readonly probe?: HostProbe | undefined;
}

/** A worker that has not renewed its lease for so long is taken for dead: below the 9 s after which Temporal hands on its work. */
export const LEASE_MS = 8_000;

/** All that workers know of one host. */
export interface HostRecord {
  readonly host: string;
  /** Slots that are taken. */
  readonly total: number;
  /** Slots by the lease that has taken them. */
  readonly held: Readonly<Record<string, number>>;
  /** When a lease found too few slots free. */
  readonly wanting: Readonly<Record<string, Date>>;
  /** The rate of the service's own is used up until then. */
  readonly restingUntil?: Date;
  /** One a project that has met failures there. */
  readonly circuits: readonly HostCircuit[];
}

/** Slots of hosts, shared by all workers. A lease that has died keeps none: see `HostLeaseStore`. */
export interface HostSlotStore {
  /**
   * Takes slots, all or none. Grouped with other callers' takes.
   * @param only `well`: not when anything is known to be wrong with the host
   */
  take(lease: string, host: string, count: number, limit: number, only?: 'well'): Promise<boolean>;
  /** Gives slots back. Grouped. @param held how many the lease has, those to be given included */
  give(lease: string, host: string, count: number, held: number): Promise<void>;
  /** Tells others that a lease would like more slots than there are. Grouped. */
  want(lease: string, host: string): Promise<void>;
  /** Frees all slots of a lease that is not there any more, unless their number has changed. */
  reclaim(lease: string, host: string, held: number): Promise<void>;
}

/** Which workers live. Times are those of the database, so that the clocks of workers do not matter. */
export interface HostLeaseStore {
  /** Opens a lease and answers the time of the database. */
  open(lease: string): Promise<Date>;
  /** Null when the lease has been taken away. */
  renew(lease: string): Promise<Date | null>;
  close(lease: string): Promise<void>;
  /** Ends those of the leases that were not renewed since then, and answers all that are not there any more. */
  endStale(leases: readonly string[], before: Date): Promise<readonly string[]>;
}

export interface HostStore {
  readonly slots: HostSlotStore;
  readonly leases: HostLeaseStore;
  /** What is known of a host. Grouped with other callers' reads. */
  find(host: string): Promise<HostRecord | null>;
  /** Those of the hosts that something is known of, in no order. Slots of workers that have died are not counted. */
  findAll(hosts: readonly string[]): Promise<HostRecord[]>;
  /** As `find` for many hosts, only those that have circuits or rest. */
  findUnwell(hosts: readonly string[]): Promise<HostRecord[]>;
  /**
   * Changes the circuits of a host, one change at a time whichever worker makes it. `decide` may be asked again when another
   * worker was faster; what it gives back unchanged is not written.
   */
  changeCircuits(
    host: string,
    decide: (circuits: readonly HostCircuit[]) => readonly HostCircuit[],
  ): Promise<readonly HostCircuit[]>;
  /** Lets a host rest until then; a host that rests longer already is left as it is. */
  rest(host: string, until: Date): Promise<void>;
  /** Removes hosts and leases that were not used since then and that hold no slots. Answers how many hosts. */
  forget(before: Date): Promise<number>;
}

/** The rate of the service's own. */
export interface HostRate {
  /** Most items of one host that may begin in one window. */
  readonly points: number;
  /** Counts one item. Answers 0 when it may begin now, else milliseconds until the next window. */
  consume(host: string): Promise<number>;
}

/**
 * A host that so many projects found closed at the same time speaks to the address of the service and not to single URLs: it is
 * left alone by all projects. One project may be one client, and two may be one client as well.
 */
const PROJECTS_FOR_ALL = 3;
/** How soon to look again when another attempt is the probe of a host, which takes a moment or, at worst, a minute. */
export const PROBE_LOOK_MS = 1_500;

/**
 * How a host is for one project. ok: it may be asked; cooling: it may not be asked before `until`; due: the pause is over and one
 * probe may go; probing: the probe is under way, and decided by `until`.
 */
export type HostState =
  | { readonly state: 'ok' | 'due' }
  | { readonly state: 'cooling'; readonly until: Date }
  | { readonly state: 'probing'; readonly until: Date };

export function hostState(
  { circuits, restingUntil }: Pick<HostRecord, 'circuits' | 'restingUntil'>,
  projectId: string,
  now: Date,
): HostState {
  const circuit = circuits.find((each) => each.projectId === projectId);
  const until = [restingUntil, circuit?.openUntil ?? sharedOpenUntil(circuits, now)].flatMap((date) =>
    date !== undefined && date > now ? [date.getTime()] : [],
  );
  if (until.length > 0) return { state: 'cooling', until: new Date(Math.max(...until)) };
  if (circuit?.openUntil === undefined) return { state: 'ok' };
  return isUnderWay(circuit.probe, now) ? { state: 'probing', until: circuit.probe.until } : { state: 'due' };
}

/** When the host is worth asking again, as milliseconds of the epoch: later than `now`, or 0 when it may be asked now. */
export function blockedUntil(state: HostState, now: Date): number {
  if (state.state === 'cooling') return state.until.getTime();
  if (state.state === 'probing') return Math.min(state.until.getTime(), now.getTime() + PROBE_LOOK_MS);
  return 0;
}

/** When the first of the open circuits of other projects lets a probe through, if so many are open that they count for all. */
function sharedOpenUntil(circuits: readonly HostCircuit[], now: Date): Date | undefined {
  const open = circuits.flatMap(({ openUntil }) => (openUntil !== undefined && openUntil > now ? [openUntil] : []));
  if (open.length < PROJECTS_FOR_ALL) return undefined;
  return new Date(Math.min(...open.map((at) => at.getTime())));
}

function isUnderWay(probe: HostProbe | undefined, now: Date): probe is HostProbe {
  return probe !== undefined && probe.until > now;
}

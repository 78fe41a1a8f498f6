import type { ReasonCode } from './errors.js';

/** One item that is let through to see whether a host is well again. */
export interface HostProbe {
  /** Of the attempt that has claimed it. */
  readonly token: string;
  /** Another attempt may claim it afterwards: whoever did before has died. */
  readonly until: Date;
}

/** What is wrong with a host. A host without one is well. */
export interface HostTrouble {
  /** Why its latest try failed. */
  readonly code: ReasonCode;
  /** Failures in a row, of any item; counted up to where the circuit opens. */
  readonly failures: number;
  /** When the first of them was. */
  readonly since: Date;
  /** Pauses in a row; 0 while the host is still asked as usual. */
  readonly pauses: number;
  /** End of the pause. Set from the first pause on; when it has passed, one probe decides. */
  readonly coolingUntil?: Date;
  /** The latest failed tries of the outage: the one that began it, and each failed probe. */
  readonly tries: readonly Date[];
  readonly probe?: HostProbe | undefined;
}

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
  readonly trouble?: HostTrouble | undefined;
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

/** Who lives. Times are those of the database, so that the clocks of workers do not matter. */
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
  /** Those of the hosts that something is known of, in no order. */
  findAll(hosts: readonly string[]): Promise<HostRecord[]>;
  /** As `findAll`, only those that are in trouble or resting. */
  findUnwell(hosts: readonly string[]): Promise<HostRecord[]>;
  /**
   * Changes what is wrong with a host, one change at a time whoever makes it. `decide` may be asked again when somebody else was
   * faster; what it is given back unchanged is not written.
   */
  changeTrouble(
    host: string,
    decide: (trouble: HostTrouble | undefined) => HostTrouble | undefined,
  ): Promise<HostTrouble | undefined>;
  /** Lets a host rest until then; a host that rests longer already goes on doing so. */
  rest(host: string, until: Date): Promise<void>;
  /** Removes hosts and leases that nobody has used since then and that hold no slots. Answers how many hosts. */
  forget(before: Date): Promise<number>;
}

/** The rate of the service's own. */
export interface HostRate {
  /** Most items of one host that may begin in one window. */
  readonly points: number;
  /** Counts one item. Answers 0 when it may begin now, else milliseconds until the next window. */
  consume(host: string): Promise<number>;
}

import { randomUUID } from 'node:crypto';
import { hostState, mayBeAsked } from '../contract/host-state.js';
import type { HostRate, HostRecord, HostStore, HostTrouble } from '../contract/hosts.js';
import type { HostOutcome } from './host-outcome.js';
import { createHostLedger, type HostLedger } from './host-ledger.js';
import { afterAttempt, claimProbe, type PausePolicy } from './host-trouble.js';
import { createHostViews } from './host-views.js';
import { createLease } from './lease.js';

export interface HostGateOptions {
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

/** The token of a probe, when the work is one. */
interface Admission {
  readonly probe?: string;
}

/** What an attempt at a host's item ended with. */
interface Visit {
  readonly host: HostOutcome;
}

/** done: the work is done, and whether its host may not be asked for now; closed, over: it was not begun. */
export type Visited<T> = { readonly kind: 'done'; readonly result: T; readonly cools: boolean } | NotVisited;
type NotVisited = { readonly kind: 'closed' | 'over' };

/** What work tells while it is under way. */
export interface AtHost {
  /** May be called as soon as the host has shown that it works. */
  readonly answered: () => void;
  /** Nothing more is asked of the host: its slot goes to the next one while what came is stored. */
  readonly leave: () => void;
}

/** The one way to a source host: it lets work through when it is the host's turn, and learns from how it ended. */
export interface HostGate {
  /**
   * Runs work on one host when there is a slot for it.
   * @param group whose work it is: groups take turns where several wait for slots of one host
   * @throws whatever the work or the store throws
   */
  visit<T extends Visit>(
    host: string,
    over: AbortSignal,
    work: (at: AtHost) => Promise<T>,
    group?: string,
  ): Promise<Visited<T>>;
  /** Whether this process knows of no trouble with the host. */
  seemsWell(host: string): boolean;
  /** Those of the hosts that are in trouble or resting, read now. */
  unwell(hosts: Iterable<string>): Promise<HostRecord[]>;
  /** The clock that all workers share. */
  readonly now: () => Date;
  /** Items of one host that may begin in one window, when there is a rate. */
  readonly ratePoints: number | undefined;
  /** For metrics: as far as this process knows. */
  readonly counts: () => { readonly active: number; readonly cooling: number };
  /** Gives back what was taken. */
  close(): Promise<void>;
}

export function createHostGate(options: HostGateOptions): HostGate {
  const { store, policy, sharedMax, ownMax, rate, metrics } = options;
  const ledgers = new Map<string, HostLedger>();
  const views = createHostViews(store);
  const lease = createLease({
    leases: store.leases,
    onLost: () => {
      for (const ledger of ledgers.values()) ledger.lost();
    },
  });

  const ledgerOf = (host: string): HostLedger => {
    const known = ledgers.get(host);
    if (known !== undefined) return known;
    const ledger = createHostLedger(host, { store, lease, views, sharedMax, ownMax }, () => ledgers.delete(host));
    ledgers.set(host, ledger);
    return ledger;
  };

  const change = async (host: string, decide: (trouble: HostTrouble | undefined) => HostTrouble | undefined) => {
    const trouble = await store.changeTrouble(host, decide);
    views.learnTrouble(host, trouble);
    return trouble;
  };

  /** Whether the host may be asked. A probe is under way for a moment only, so that is never taken from memory. */
  const isOpen = async (host: string, record: HostRecord) => {
    if (hostState(record, lease.now()).state !== 'probing') return mayBeAsked(record, lease.now());
    return mayBeAsked(await views.read(host, 'fresh'), lease.now());
  };

  /** Claims what the work needs beside a slot. Answers null when it may not begin. */
  const admit = async (host: string): Promise<Admission | null> => {
    const record = await views.read(host);
    if (!(await isOpen(host, record))) return null;
    if (rate !== undefined) {
      const waitMs = await rate.consume(host);
      if (waitMs > 0) {
        const until = new Date(lease.now().getTime() + waitMs);
        views.learnRest(host, until);
        await store.rest(host, until);
        return null;
      }
    }
    if (views.last(host)?.trouble?.coolingUntil === undefined) return {};
    const probe = randomUUID();
    const trouble = await change(host, (known) => claimProbe(known, probe, lease.now()));
    // Somebody else's probe has come back well meanwhile.
    if (trouble?.coolingUntil === undefined) return {};
    return trouble.probe?.token === probe ? { probe } : null;
  };

  /** Learns from an attempt. Answers whether the host may not be asked for now. */
  const learn = async (host: string, outcome: HostOutcome, { probe }: Admission): Promise<boolean> => {
    const isQuiet = outcome.kind === 'answered' || outcome.kind === 'unasked';
    // The usual case: nothing was wrong, and nothing is.
    if (isQuiet && probe === undefined && views.last(host)?.trouble === undefined) return false;
    let pauses = 0;
    const trouble = await change(host, (known) => {
      pauses = known?.pauses ?? 0;
      return afterAttempt(known, outcome, { probe, now: lease.now(), policy });
    });
    if (trouble !== undefined && trouble.pauses > pauses) metrics.hostCooled(trouble.code);
    const cools = hostState({ trouble }, lease.now()).state === 'cooling';
    if (cools) ledgers.get(host)?.turnAway();
    return cools;
  };

  const visit = async <T extends Visit>(
    host: string,
    over: AbortSignal,
    work: (at: AtHost) => Promise<T>,
    group = '',
  ): Promise<Visited<T>> => {
    const known = views.peek(host);
    if (known !== undefined && !(await isOpen(host, known))) return CLOSED;
    const ledger = ledgerOf(host);
    const answer = await ledger.acquire(over, group, () => {
      metrics.hostWaited();
    });
    if (answer !== 'taken') return { kind: answer };
    let isHere = true;
    const leave = () => {
      if (isHere) ledger.release();
      isHere = false;
    };
    try {
      if (over.aborted) return OVER;
      const admission = await admit(host);
      if (admission === null) {
        ledger.turnAway();
        return CLOSED;
      }
      let outcome: HostOutcome = { kind: 'unasked' };
      try {
        const answered = () => {
          if (outcome.kind === 'answered') return;
          outcome = { kind: 'answered' };
          // A large body takes hours; others need not wait for its end.
          learn(host, outcome, admission).catch(() => undefined);
        };
        const result = await work({ answered, leave });
        return { kind: 'done', result, cools: await learn(host, result.host, admission) };
      } catch (error) {
        await learn(host, outcome, admission);
        throw error;
      }
    } finally {
      leave();
    }
  };

  return {
    visit,
    seemsWell: (host) => views.last(host)?.trouble === undefined,
    unwell: (hosts) => store.findUnwell([...new Set(hosts)]),
    now: lease.now,
    ratePoints: rate?.points,
    counts: () => {
      const now = lease.now();
      let [active, cooling] = [0, 0];
      for (const ledger of ledgers.values()) active += ledger.active;
      for (const record of views.all()) if (hostState(record, now).state === 'cooling') cooling += 1;
      return { active, cooling };
    },
    close: async () => {
      await Promise.allSettled([...ledgers.values()].map((ledger) => ledger.close()));
      await lease.close();
    },
  };
}

const CLOSED = { kind: 'closed' } as const;
const OVER = { kind: 'over' } as const;

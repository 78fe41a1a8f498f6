import { setTimeout as pause } from 'node:timers/promises';
import { LEASE_MS, type HostRecord, type HostStore } from '../domain/host.js';
import type { HostStateCache } from './host-states.js';
import type { Lease } from './lease.js';

/** A worker that wants slots says so at least once a second. */
const WANTING_MS = 3_000;

/**
 * How many slots a worker may keep when its turn is over: all, while no other worker wants any; otherwise its share. Where there are
 * more workers than slots that is none, so that they take turns.
 */
export function fairShare(
  { held, wanting }: Pick<HostRecord, 'held' | 'wanting'>,
  own: string,
  limit: number,
  now: Date,
): number {
  const since = now.getTime() - WANTING_MS;
  const others = Object.entries(wanting).filter(([lease, at]) => lease !== own && at.getTime() > since);
  if (others.length === 0) return limit;
  const holders = Object.entries(held).filter(([, count]) => count > 0);
  const everybody = new Set([own, ...others.map(([lease]) => lease), ...holders.map(([lease]) => lease)]);
  return Math.floor(limit / everybody.size);
}

/** Why a wait for a slot ended. over: its signal aborted; full: the time for it is up; closed: the host may not be asked now. */
type SlotAnswer = 'taken' | 'over' | 'full' | 'closed';

/**
 * What waits for a slot of one host in this process. Groups take turns, and within a group it is first come, first served: the one
 * item of a small import does not wait for the hundred of a large one that came before it.
 */
export interface SlotQueue {
  readonly length: number;
  /** Answers `over` as soon as the signal aborts, `full` after `patienceMs`. */
  wait(over: AbortSignal, group: string, patienceMs: number): Promise<SlotAnswer>;
  /** Gives a slot to the first one of the group whose turn it is. */
  next(): void;
  /** Ends all waits without a slot. */
  close(): void;
  fail(reason: unknown): void;
}

interface Waiter {
  resolve(answer: SlotAnswer): void;
  reject(reason: unknown): void;
}

export function createSlotQueue(): SlotQueue {
  // Whose turn is next comes first.
  const groups = new Map<string, Set<Waiter>>();
  let length = 0;
  const add = (group: string, waiter: Waiter) => {
    const waiters = groups.get(group) ?? new Set();
    waiters.add(waiter);
    groups.set(group, waiters);
    length += 1;
  };
  const remove = (group: string, waiter: Waiter) => {
    const waiters = groups.get(group);
    if (waiters?.delete(waiter) !== true) return;
    length -= 1;
    if (waiters.size === 0) groups.delete(group);
  };
  const takeAll = () => {
    const all = [...groups.values()].flatMap((waiters) => [...waiters]);
    groups.clear();
    length = 0;
    return all;
  };
  return {
    get length() {
      return length;
    },
    wait: (over, group, patienceMs) =>
      new Promise((resolve, reject) => {
        const leave = (answer: SlotAnswer) => {
          remove(group, waiter);
          waiter.resolve(answer);
        };
        const onAbort = () => {
          leave('over');
        };
        const timer = setTimeout(leave, patienceMs, 'full');
        const stop = () => {
          clearTimeout(timer);
          over.removeEventListener('abort', onAbort);
        };
        const waiter: Waiter = {
          resolve: (answer) => {
            stop();
            resolve(answer);
          },
          reject: (reason: unknown) => {
            stop();
            // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- passed on as it came
            reject(reason);
          },
        };
        if (over.aborted) {
          waiter.resolve('over');
          return;
        }
        over.addEventListener('abort', onAbort, { once: true });
        add(group, waiter);
      }),
    next: () => {
      const [turn] = groups;
      if (turn === undefined) return;
      const [group, waiters] = turn;
      const [first] = waiters;
      groups.delete(group);
      if (first === undefined) return;
      groups.set(group, waiters);
      remove(group, first);
      first.resolve('taken');
    },
    close: () => {
      for (const waiter of takeAll()) waiter.resolve('closed');
    },
    fail: (reason) => {
      for (const waiter of takeAll()) waiter.reject(reason);
    },
  };
}

/** Slots that nothing is done with are kept this long, for the next items: a page of one host costs one take. */
const LINGER_MS = 1_000;
/** How often a worker looks for a slot of a host that others use up; of varying length, so that no two always meet. */
const POLL_MS = 200;
const LONGEST_POLL_MS = 300;
/** How often it says that it wants some, and looks for slots of the dead: see `fairShare`. */
const WANT_MS = 1_000;

export interface HostSlotsDeps {
  readonly store: Pick<HostStore, 'slots' | 'leases'>;
  readonly lease: Lease;
  readonly views: HostStateCache;
  /** Slots of one host that all workers share. */
  readonly sharedMax: number;
  /** Slots of one host that this process may use. */
  readonly ownMax: number;
}

/** The slots of one host in this process. */
export interface HostSlots {
  /**
   * Waits for a slot; `onWait` is called when there is none to be had at once.
   * @param group those of one group wait in line, groups take turns
   * @throws whatever the store throws
   */
  acquire(over: AbortSignal, group: string, patienceMs: number, onWait: () => void): Promise<SlotAnswer>;
  release(): void;
  /** What was taken is gone: slots in use are taken anew before any more work begins. */
  lost(): void;
  readonly active: number;
  /** Items that wait for a slot. */
  readonly waiting: number;
  /** Gives back what is not in use. */
  close(): Promise<void>;
}

/**
 * Takes slots in advance and gives them back late, so that items cost no operation of their own: what is taken is kept while there
 * is work, unless others want a part. One operation at a time, so that what is stored is always known.
 * @param onEmpty told when there is nothing to remember of this host
 */
export function createHostSlots(host: string, deps: HostSlotsDeps, onEmpty: () => void): HostSlots {
  const { store, lease, views, sharedMax, ownMax } = deps;
  const most = Math.min(sharedMax, ownMax);
  const queue = createSlotQueue();
  let [taken, active] = [0, 0];
  let idleSince = performance.now();
  let wantedAt = -Infinity;
  let pumping: Promise<void> | undefined;
  let lingering: NodeJS.Timeout | undefined;

  const serve = () => {
    while (queue.length > 0 && active < taken && lease.id !== undefined) {
      active += 1;
      queue.next();
    }
  };

  /** How many slots there is work for. */
  const wanted = () => Math.min(most, active + queue.length);

  /** How many slots to keep when others want some too; all of them otherwise. */
  const share = (own: string) => {
    const record = views.peek(host);
    return record === undefined ? most : Math.min(most, fairShare(record, own, sharedMax, lease.now()));
  };

  /** How many slots to give back: when idle all that are not in use, else what is beyond the share of this process. */
  const surplus = (own: string) => {
    const isIdle = queue.length === 0 && performance.now() - idleSince >= LINGER_MS;
    return taken - Math.max(active, isIdle ? 0 : Math.min(taken, share(own)));
  };

  const giveBack = async (own: string, count: number) => {
    const held = taken;
    taken -= count;
    await store.slots.give(own, host, count, held);
  };

  /** Answers how many of the slots it got. */
  const take = async (own: string, count: number): Promise<number> => {
    if (await store.slots.take(own, host, count, sharedMax, 'well')) {
      if (taken === 0) views.isWell(host);
      return count;
    }
    const record = await views.read(host, 'fresh');
    if (record.restingUntil !== undefined && record.restingUntil > lease.now()) {
      queue.close();
      return 0;
    }
    const some = Math.min(count, sharedMax - record.total);
    if (some > 0 && (await store.slots.take(own, host, some, sharedMax))) return some;
    if (performance.now() - wantedAt >= WANT_MS) {
      wantedAt = performance.now();
      await Promise.all([store.slots.want(own, host), buryDead(record, own)]);
    }
    return 0;
  };

  /** Frees what workers hold that are not there any more. */
  const buryDead = async ({ held }: HostRecord, own: string) => {
    const others = Object.keys(held).filter((other) => other !== own);
    if (others.length === 0 || !lease.isSteady) return;
    const dead = await store.leases.endStale(others, new Date(lease.now().getTime() - LEASE_MS));
    for (const gone of dead) await store.slots.reclaim(gone, host, held[gone] ?? 0);
  };

  /** One step towards what is wanted. Answers false when there is nothing to do. */
  const step = async (): Promise<boolean> => {
    const own = await lease.current();
    // What others want is looked at once a second.
    if (taken > 0 && queue.length > 0) await views.read(host);
    const spare = surplus(own);
    if (spare > 0) {
      await giveBack(own, spare);
      // A worker that wants them looks within this time.
      if (queue.length > 0 && taken === active) await pause(LONGEST_POLL_MS);
      return true;
    }
    serve();
    // With more workers than slots the share is zero; the first worker to look then takes the next turn.
    const missing = Math.min(wanted(), Math.max(1, share(own))) - taken;
    if (missing <= 0 && taken === most) return false;
    const got = missing > 0 ? await take(own, missing) : 0;
    // A lease that was lost meanwhile has taken nothing.
    if ((await lease.current()) === own) taken += got;
    serve();
    if (got === 0 && (queue.length > 0 || active > taken))
      await pause(POLL_MS + Math.random() * (LONGEST_POLL_MS - POLL_MS));
    return queue.length > 0 || active > taken;
  };

  const pump = () => {
    // Not at once: the first step may lose the lease, which leads back here.
    pumping ??= Promise.resolve()
      .then(run)
      .finally(() => {
        pumping = undefined;
        settle();
      });
  };

  const run = async () => {
    try {
      while (await step());
    } catch (error) {
      // Whether the operation was carried out is not known.
      lease.lose();
      queue.fail(error);
    }
  };

  const isStuck = () => queue.length > 0 && (taken < most || lease.id === undefined);

  /** What is left to do when nothing is under way: to give back later, or to be forgotten. */
  const settle = () => {
    clearTimeout(lingering);
    if (isStuck()) pump();
    else if (taken > active) lingering = setTimeout(pump, LINGER_MS).unref();
    else if (taken === 0 && active === 0) onEmpty();
  };

  return {
    get active() {
      return active;
    },
    get waiting() {
      return queue.length;
    },
    acquire: (over, group, patienceMs, onWait) => {
      if (queue.length === 0 && active < taken && lease.id !== undefined && !over.aborted) {
        active += 1;
        return Promise.resolve('taken');
      }
      // Others are served as soon as a slot is taken for them.
      if (active >= most || performance.now() - wantedAt < WANT_MS) onWait();
      const answer = queue.wait(over, group, patienceMs);
      pump();
      return answer;
    },
    release: () => {
      active -= 1;
      idleSince = performance.now();
      // Before the slot goes to the next item here, it is looked whether others want it.
      const isUnknown = queue.length > 0 && views.peek(host) === undefined;
      if (lease.id === undefined || isUnknown || surplus(lease.id) > 0) pump();
      else serve();
      if (pumping === undefined) settle();
    },
    lost: () => {
      taken = 0;
      if (active > 0 || queue.length > 0) pump();
    },
    close: async () => {
      clearTimeout(lingering);
      queue.close();
      await pumping;
      clearTimeout(lingering);
      if (taken > active) await giveBack(await lease.current(), taken - active);
    },
  };
}

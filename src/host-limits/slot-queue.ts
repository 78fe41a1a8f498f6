/** Why a wait for a slot ended. over: its signal aborted; full: the time for it is up; closed: the host may not be asked now. */
export type SlotAnswer = 'taken' | 'over' | 'full' | 'closed';

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

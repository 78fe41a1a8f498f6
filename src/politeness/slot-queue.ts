/** Why a wait for a slot ended. over: whoever waited is not interested any more; closed: the host may not be asked now. */
export type SlotAnswer = 'taken' | 'over' | 'closed';

/**
 * Who waits for a slot of one host in this process. Groups take turns, and within a group it is first come, first served: the one
 * item of a small import does not wait for the hundred of a large one that came before it.
 */
export interface SlotQueue {
  readonly length: number;
  /** Answers `over` as soon as the signal aborts. */
  wait(over: AbortSignal, group: string): Promise<SlotAnswer>;
  /** Lets the first one of the group whose turn it is go on. */
  next(): void;
  /** Lets everybody go without a slot. */
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
    wait: (over, group) =>
      new Promise((resolve, reject) => {
        const leave = () => {
          remove(group, waiter);
          resolve('over');
        };
        const waiter: Waiter = {
          resolve: (answer) => {
            over.removeEventListener('abort', leave);
            resolve(answer);
          },
          reject: (reason: unknown) => {
            over.removeEventListener('abort', leave);
            // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- passed on as it came
            reject(reason);
          },
        };
        if (over.aborted) {
          resolve('over');
          return;
        }
        over.addEventListener('abort', leave, { once: true });
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

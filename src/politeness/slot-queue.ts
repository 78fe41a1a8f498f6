/** Why a wait for a slot ended. over: whoever waited is not interested any more; closed: the host may not be asked now. */
export type SlotAnswer = 'taken' | 'over' | 'closed';

/** Who waits for a slot of one host in this process, first come, first served. */
export interface SlotQueue {
  readonly length: number;
  /** Answers `over` as soon as the signal aborts. */
  wait(over: AbortSignal): Promise<SlotAnswer>;
  /** Lets the first one go on. */
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
  const waiters = new Set<Waiter>();
  const takeAll = () => {
    const all = [...waiters];
    waiters.clear();
    return all;
  };
  return {
    get length() {
      return waiters.size;
    },
    wait: (over) =>
      new Promise((resolve, reject) => {
        const leave = () => {
          waiters.delete(waiter);
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
        waiters.add(waiter);
      }),
    next: () => {
      const [first] = waiters;
      if (first === undefined) return;
      waiters.delete(first);
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

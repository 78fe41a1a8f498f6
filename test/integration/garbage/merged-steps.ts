/** Holds the steps of one actor until they are let through, one by one. */
export interface Gate {
  /** Does the work when it is its turn. */
  step<T>(work: () => Promise<T>): Promise<T>;
}

interface HeldGate extends Gate {
  /** Lets the next step through and waits for its end; false when the actor has come to its end instead. */
  next(ended: Promise<unknown>): Promise<boolean>;
  /** From now on nothing is held. */
  open(): void;
}

/** A gate that is shut, or one that holds nothing. */
export function aGate({ open = false } = {}): HeldGate {
  let isOpen = open;
  const waiting: (() => void)[] = [];
  let arrived = (): void => undefined;
  let done = (): void => undefined;
  return {
    step: async (work) => {
      if (!isOpen)
        await new Promise<void>((resolve) => {
          waiting.push(resolve);
          arrived();
        });
      const mine = done;
      try {
        return await work();
      } finally {
        mine();
      }
    },
    next: async (ended) => {
      if (waiting.length === 0)
        await Promise.race([
          ended,
          new Promise<void>(
            (resolve) =>
              (arrived = () => {
                resolve();
              }),
          ),
        ]);
      const pass = waiting.shift();
      if (pass === undefined) return false;
      const finished = new Promise<void>(
        (resolve) =>
          (done = () => {
            resolve();
          }),
      );
      pass();
      await finished;
      return true;
    },
    open: () => {
      isOpen = true;
      for (const pass of waiting.splice(0)) pass();
    },
  };
}

/** Every order in which `c` steps of C and `i` steps of I can follow each other, such as `CCICI`. */
export function* everyMerge(c: number, i: number, before = ''): Generator<string> {
  if (c === 0 && i === 0) yield before;
  if (c > 0) yield* everyMerge(c - 1, i, `${before}C`);
  if (i > 0) yield* everyMerge(c, i - 1, `${before}I`);
}

/**
 * Runs two actors so that their steps happen in the order of `merge`. Once an actor has had all of its steps nothing of it is held
 * any more; a step that it does not make is passed over.
 */
export async function runMerged<C, I>(
  merge: string,
  actors: { C: [HeldGate, (gate: Gate) => Promise<C>]; I: [HeldGate, (gate: Gate) => Promise<I>] },
): Promise<[C, I]> {
  const running = { C: actors.C[1](actors.C[0]), I: actors.I[1](actors.I[0]) };
  const left = { C: merge.replaceAll('I', '').length, I: merge.replaceAll('C', '').length };
  for (const actor of merge as Iterable<'C' | 'I'>) {
    const [gate] = actors[actor];
    await gate.next(running[actor].catch(() => undefined));
    left[actor] -= 1;
    if (left[actor] === 0) gate.open();
  }
  return Promise.all([running.C, running.I]);
}

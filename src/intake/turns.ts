/** So long may work go on before others are served. Requests that are not long loops take a few milliseconds each. */
const SLICE_MS = 20;

/*
 * Of the process, because its event loop is: fifty long loops together take no more of each turn than one does.
 */
const waiting: (() => void)[] = [];
/** When the first long loop of this turn of the event loop began; undefined when none has yet. */
let beganAt: number | undefined;

/**
 * Called by a long loop before each step. Answers nothing when the step may follow at once, else a promise that is to be awaited first:
 * meanwhile the event loop serves everybody else, and other loops that wait go first. A step should take a few milliseconds at most.
 */
export function giveWay(): Promise<void> | undefined {
  const now = performance.now();
  if (beganAt === undefined) {
    beganAt = now;
    setImmediate(nextTurn);
  }
  if (now - beganAt < SLICE_MS) return undefined;
  return new Promise((resolve) => waiting.push(resolve));
}

/** One loop a turn, in order: each has the whole slice, and what one leaves of it costs a turn that has nothing else to do. */
function nextTurn(): void {
  beganAt = undefined;
  const next = waiting.shift();
  if (next === undefined) return;
  next();
  if (waiting.length === 0) return;
  beganAt = performance.now();
  setImmediate(nextTurn);
}

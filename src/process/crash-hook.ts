import { CRASH_POINTS, type CrashPoint, type Reach } from '../domain/crash-points.js';

/**
 * What a process does at its crash points: nothing, or, told to with `point` or `point:n`, die at once as by kill -9 when it comes
 * to that point for the n-th time.
 * @param crashAt the variable CRASH_AT, its form checked by src/config.ts
 * @throws Error when there is no such crash point
 */
export function createReach(crashAt: string | undefined, die: () => void = killOneself): Reach {
  if (crashAt === undefined) return () => undefined;
  const [name = '', nth = '1'] = crashAt.split(':');
  if (!CRASH_POINTS.includes(name as CrashPoint))
    throw new Error(`CRASH_AT: ${name} is not a crash point; there are ${CRASH_POINTS.join(', ')}`);
  let left = Number(nth);
  return (point) => {
    if (point !== name) return;
    left -= 1;
    if (left === 0) die();
  };
}

/** No handler runs, nothing is flushed: kill(2) does not return when a process sends itself SIGKILL. */
function killOneself(): void {
  process.kill(process.pid, 'SIGKILL');
}

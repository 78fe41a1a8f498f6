import { setTimeout as pause } from 'node:timers/promises';

const POLL_MS = 50;

/**
 * Looks until there is something other than undefined, null or false, and answers it.
 * @throws Error that names what was waited for, with the last error of the look, when the time is up
 */
export async function eventually<T>(
  what: string,
  look: () => T | Promise<T>,
  withinMs = 60_000,
): Promise<NonNullable<Exclude<T, false>>> {
  const deadline = Date.now() + withinMs;
  for (let last: unknown; ;) {
    try {
      const found = await look();
      if (found !== undefined && found !== null && found !== false) return found as NonNullable<Exclude<T, false>>;
    } catch (error) {
      last = error;
    }
    if (Date.now() > deadline) throw new Error(`There was not ${what} within ${withinMs / 1000} s`, { cause: last });
    await pause(POLL_MS);
  }
}

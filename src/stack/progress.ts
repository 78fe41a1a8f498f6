/** Tells the person who waits what is being done now: one line a call, no full stop. */
export type Progress = (line: string) => void;

/** Every 15 s: often enough to see that a build of five minutes is alive, seldom enough to leave the log readable. */
const TICK_MS = 15_000;

/**
 * Runs a long step and reports that it began, that it is still going on with the time it has taken, and how it ended.
 * @throws whatever the step throws
 */
export async function withProgress<T>(report: Progress, step: string, work: () => Promise<T>): Promise<T> {
  const startedAt = Date.now();
  const seconds = (): string => `${Math.round((Date.now() - startedAt) / 1000)} s`;
  report(step);
  const ticker = setInterval(() => {
    report(`${step}: still going on after ${seconds()}`);
  }, TICK_MS);
  ticker.unref();
  try {
    const result = await work();
    report(`${step}: done in ${seconds()}`);
    return result;
  } catch (error) {
    report(`${step}: gave up after ${seconds()}`);
    throw error;
  } finally {
    clearInterval(ticker);
  }
}

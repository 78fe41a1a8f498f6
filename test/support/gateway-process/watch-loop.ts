/** How often the event loop is looked at: finer than any delay that matters, and cheap. */
const EVERY_MS = 5;

/** What was seen since the last time that figures were taken. */
export interface LoopFigures {
  /** The longest wall-clock time during which the event loop was blocked. */
  readonly blockedMs: number;
  /** The most processor time that the process took between two turns of the loop: about the same on an idle machine, and not more on a busy one. */
  readonly busyMs: number;
  /** The most memory that the process has ever had. */
  readonly peakBytes: number;
}

/** Watches the event loop of this process. */
export function watchLoop(): { take(): LoopFigures } {
  let [at, cpu] = [performance.now(), process.cpuUsage()];
  let [blockedMs, busyMs] = [0, 0];
  setInterval(() => {
    const { user, system } = process.cpuUsage(cpu);
    blockedMs = Math.max(blockedMs, performance.now() - at - EVERY_MS);
    busyMs = Math.max(busyMs, (user + system) / 1000);
    [at, cpu] = [performance.now(), process.cpuUsage()];
  }, EVERY_MS).unref();
  return {
    take() {
      const figures = { blockedMs, busyMs, peakBytes: process.resourceUsage().maxRSS * 1024 };
      [blockedMs, busyMs] = [0, 0];
      return figures;
    },
  };
}

import { count, round } from '../report/units.js';
import { quantile } from './quantile.js';

/** Durations of one kind of request. */
export interface Timings {
  /** Milliseconds, in the order in which they were taken. */
  readonly ms: number[];
  /** Times the work and answers what it answers. */
  time<T>(work: () => Promise<T>): Promise<T>;
}

export function createTimings(): Timings {
  const ms: number[] = [];
  return {
    ms,
    async time(work) {
      const startedAt = performance.now();
      const answer = await work();
      ms.push(performance.now() - startedAt);
      return answer;
    },
  };
}

/** Number, p50, p95 and maximum, as cells of a table. */
export function timingCells(ms: readonly number[]): string[] {
  return [count(ms.length), ...[0.5, 0.95, 1].map((q) => round(quantile(ms, q), 1))];
}

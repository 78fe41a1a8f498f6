import type { HistoryCost } from '../contenders/contender.js';
import type { Machine } from './machine.js';
import type { MongoCost } from './mongo-cost.js';
import type { ProcessFigures } from './process-watch.js';

/** One run of one contender. */
export interface RunRecord {
  readonly contender: string;
  readonly items: number;
  readonly bytes: number;
  /** 0 is the first run of the contender's processes: a cold one. */
  readonly round: number;
  readonly seconds: number;
  readonly processes: Readonly<Record<string, ProcessFigures>>;
  readonly history: HistoryCost | null;
  readonly note?: string;
}

export interface SkippedPart {
  readonly what: string;
  readonly reason: string;
}

/** What the JSON file of `npm run bench` holds; everything printed is made from it. */
export interface BenchResult {
  /** ISO 8601. */
  readonly at: string;
  readonly mode: string;
  readonly machine: Machine;
  /** `mongod`, `stand-in` or `given`. */
  readonly database: string;
  readonly contenders: Readonly<Record<string, string>>;
  readonly skipped: readonly SkippedPart[];
  readonly runs: readonly RunRecord[];
  readonly mongo: MongoCost | null;
}

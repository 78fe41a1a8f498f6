import { continueAsNew, proxyActivities } from '@temporalio/workflow';
import { mapConcurrently } from '../../workflows/import-rounds.js';
import type { Run } from './contender.js';

export interface NaiveInput {
  readonly run: Run;
  /** The items still to do: `from` up to, but without, `to`. */
  readonly from: number;
  readonly to: number;
}

export interface NaiveActivities {
  importOne(run: Run, seq: number): Promise<void>;
}

/** Activities in flight in one workflow; both workflows fit into the worker's limits. */
const LANES = 50;
/** Three events an item: far below the 10,240 events that Temporal warns at. */
const ITEMS_A_RUN = 1_000;

const { importOne } = proxyActivities<NaiveActivities>({ startToCloseTimeout: '90 seconds' });

/** One regular activity for every item. */
export async function importOneByOne({ run, from, to }: NaiveInput): Promise<void> {
  const until = Math.min(to, from + ITEMS_A_RUN);
  const items = Array.from({ length: until - from }, (_, index) => from + index);
  await mapConcurrently(items, LANES, (seq) => importOne(run, seq));
  if (until < to) await continueAsNew<typeof importOneByOne>({ run, from: until, to });
}

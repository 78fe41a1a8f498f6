import { continueAsNew, proxyActivities } from '@temporalio/workflow';
import { mapConcurrently } from '../../workflows/import-rounds.js';
import type { Run } from './contender.js';

export interface NaiveInput {
  readonly run: Run;
  /** Of the items still to do. */
  readonly from: number;
  readonly to: number;
}

export interface NaiveActivities {
  importOne(run: Run, seq: number): Promise<void>;
}

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

import type { Collection } from 'mongodb';
import type { ReasonCode } from '../contract/errors.js';
import { cappedReason, type Item } from '../contract/item.js';
import type { FailureGroup } from '../contract/store.js';
import { WITH_CODE } from './item-totals.js';

/** More groups than this are not read by anybody; the largest ones matter. */
const MAX_GROUPS = 100;
const SAMPLES = 3;

/** Items that are grouped, of each state: some 50 ms by the index, whatever the size of the batch. */
const MOST_GROUPED = 50_000;

interface Group {
  readonly code: ReasonCode;
  readonly host: string;
  count: number;
  open: number;
  readonly samples: { seq: number; externalId: string; reason: string }[];
}

/** Items of a batch that failed, or that are open and failed an attempt, by (code, host), largest group first. */
export async function failureGroups(items: Collection<Item>, batchId: string): Promise<FailureGroup[]> {
  const groups = new Map<string, Group>();
  const states = ['failed', 'open'] as const;
  const found = await Promise.all(states.map((state) => countGroups(items, batchId, state)));
  for (const [at, state] of states.entries()) {
    for (const { _id, count } of found[at] ?? []) {
      const { code, host } = _id;
      const group = groups.get(keyOf(code, host)) ?? { code, host, count: 0, open: 0, samples: [] };
      group.count += count;
      if (state === 'open') group.open += count;
      groups.set(keyOf(code, host), group);
    }
  }
  const largest = [...groups.values()]
    .sort((a, b) => b.count - a.count || (keyOf(a.code, a.host) < keyOf(b.code, b.host) ? -1 : 1))
    .slice(0, MAX_GROUPS);
  await Promise.all(largest.map((group) => addSamples(items, batchId, group)));
  return largest;
}

async function countGroups(items: Collection<Item>, batchId: string, state: 'failed' | 'open') {
  return items
    .aggregate<{ _id: { code: ReasonCode; host: string }; count: number }>(
      [
        { $match: { batchId, state, ...WITH_CODE } },
        { $limit: MOST_GROUPED },
        { $group: { _id: { code: '$code', host: '$host' }, count: { $sum: 1 } } },
        { $sort: { count: -1, _id: 1 } },
        { $limit: MAX_GROUPS },
      ],
      // Other indexes begin with the same keys, but this one has all that is asked for.
      { hint: { batchId: 1, state: 1, code: 1, host: 1 } },
    )
    .toArray();
}

/** The first items of a group, failed ones before open ones. */
async function addSamples(items: Collection<Item>, batchId: string, group: Group): Promise<void> {
  const { code, host, samples } = group;
  for (const state of ['failed', 'open'] as const) {
    const counted = state === 'open' ? group.open : group.count - group.open;
    if (samples.length === SAMPLES) return;
    // A look for what is not there would be half of the looks.
    if (counted === 0) continue;
    const found = await items
      .find({ batchId, state, code, host })
      .limit(SAMPLES - samples.length)
      .project<Pick<Item, 'seq' | 'externalId' | 'reason'>>({ _id: 0, seq: 1, externalId: 1, reason: 1 })
      .toArray();
    found.sort((a, b) => a.seq - b.seq);
    samples.push(
      ...found.map(({ seq, externalId, reason }) => ({ seq, externalId, reason: cappedReason(reason ?? '') })),
    );
  }
}

function keyOf(code: string | undefined, host: string): string {
  return JSON.stringify([code, host]);
}

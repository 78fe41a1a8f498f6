import type { Collection } from 'mongodb';
import type { ReasonCode } from '../contract/errors.js';
import { cappedReason, type Item } from '../contract/item.js';
import type { FailureGroup } from '../contract/store.js';

/** More groups than this are not read by anybody; the largest ones matter. */
const MAX_GROUPS = 100;
const SAMPLES = 3;

interface Group {
  readonly code: ReasonCode;
  readonly host: string;
  readonly count: number;
  readonly samples: { seq: number; externalId: string; reason: string }[];
}

/** Failed items of a batch by (code, host), largest group first. */
export async function failureGroups(items: Collection<Item>, batchId: string): Promise<FailureGroup[]> {
  const counted = await items
    .aggregate<{ _id: { code: ReasonCode; host: string }; count: number }>([
      { $match: { batchId, state: 'failed' } },
      { $group: { _id: { code: '$code', host: '$host' }, count: { $sum: 1 } } },
      { $sort: { count: -1, _id: 1 } },
      { $limit: MAX_GROUPS },
    ])
    .toArray();
  const groups = new Map(
    counted.map(({ _id: { code, host }, count }): [string, Group] => [
      keyOf(code, host),
      { code, host, count, samples: [] },
    ]),
  );
  await addSamples(items, batchId, groups);
  return [...groups.values()];
}

/** Reads failed items in request order only until every group has its samples: pushing them in $group would hold all items. */
async function addSamples(items: Collection<Item>, batchId: string, groups: ReadonlyMap<string, Group>): Promise<void> {
  let missing = 0;
  for (const { count } of groups.values()) missing += Math.min(count, SAMPLES);
  if (missing === 0) return;
  const cursor = items
    .find({ batchId, state: 'failed' })
    .sort({ seq: 1 })
    .project<Pick<Item, 'seq' | 'externalId' | 'reason' | 'code' | 'host'>>({
      _id: 0,
      seq: 1,
      externalId: 1,
      reason: 1,
      code: 1,
      host: 1,
    });
  for await (const { seq, externalId, reason, code, host } of cursor) {
    const group = groups.get(keyOf(code, host));
    if (group === undefined || group.samples.length === SAMPLES) continue;
    group.samples.push({ seq, externalId, reason: cappedReason(reason ?? '') });
    missing -= 1;
    if (missing === 0) return;
  }
}

function keyOf(code: string | undefined, host: string): string {
  return JSON.stringify([code, host]);
}

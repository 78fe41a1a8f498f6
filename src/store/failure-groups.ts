import type { Collection } from 'mongodb';
import type { ReasonCode } from '../domain/errors.js';
import { cappedReason } from '../domain/item.js';
import type { StoredItem } from './item-documents.js';
import { countWindows, inWindow } from './item-queries.js';
import type { FailureGroup, OnChunk, OpenGroup } from './store.js';

/** A document of the `failures` collection: what failed in an import that has ended. Written before the batch ends. */
export interface FailureSummary {
  /** The id of the batch. */
  readonly _id: string;
  readonly groups: readonly FailureGroup[];
}

/**
 * Looks through a part of an index that may be long, as far as it gets in the time of a request: first at a thousand entries, then, if
 * that was fast enough to foresee that more of them take some 20 ms, at ten and at fifty thousand. A server of this decade gets to
 * the end of it. Each look begins anew, so that all of it is from one moment.
 */
const LOOKS = [1_000, 10_000, 50_000] as const;
const LOOK_MS = 20;

interface Look<T> {
  readonly groups: readonly T[];
  /** There may be more than what was looked at. */
  readonly isPartial: boolean;
}

async function boundedLook<T extends { readonly count: number }>(
  lookAt: (most: number) => Promise<readonly T[]>,
  looks: readonly number[] = LOOKS,
): Promise<Look<T>> {
  let groups: readonly T[] = [];
  let perEntryMs = 0;
  for (const most of looks) {
    if (perEntryMs * most > LOOK_MS) break;
    const begunAt = performance.now();
    groups = await lookAt(most);
    perEntryMs = (performance.now() - begunAt) / most;
    if (groups.reduce((sum, { count }) => sum + count, 0) < most) return { groups, isPartial: false };
  }
  return { groups, isPartial: true };
}

/**
 * What the index of the failed ones holds, in the words that let a server answer from it: `$exists` makes versions before 8.0 read each
 * document.
 */
const WITH_CODE = { code: { $gt: '' } } as const;
const BY_ORDER = { batchId: 1, state: 1, seq: 1 } as const;
const BY_CODE = { batchId: 1, state: 1, code: 1, host: 1 } as const;

/**
 * Open items of some batches by host and by the code of their latest attempt, as far as a bounded look gets. Those that failed an
 * attempt are looked at on their own where there are more, along an index that has no others. Settled items are not looked at, and
 * no filter stands before a limit that an index does not answer: it could look through a million items to find a few.
 */
export async function openGroups(
  items: Collection<StoredItem>,
  batchIds: readonly string[],
  looks: readonly number[] = LOOKS,
): Promise<{ readonly groups: readonly OpenGroup[]; readonly isPartial: boolean }> {
  if (batchIds.length === 0) return { groups: [], isPartial: false };
  const open = { batchId: { $in: batchIds }, state: 'open' as const };
  const all = await boundedLook((most) => grouped(items, open, most, BY_ORDER), looks);
  if (!all.isPartial) return all;
  const failing = await boundedLook((most) => grouped(items, { ...open, ...WITH_CODE }, most, BY_CODE), looks);
  return { groups: [...all.groups.filter(({ code }) => code === undefined), ...failing.groups], isPartial: true };
}

async function grouped(
  items: Collection<StoredItem>,
  match: object,
  most: number,
  hint: typeof BY_ORDER | typeof BY_CODE,
): Promise<OpenGroup[]> {
  const groups = await items
    .aggregate<{ _id: { host: string; code?: ReasonCode }; count: number; attempts: number }>(
      [
        { $match: match },
        { $limit: most },
        { $group: { _id: { host: '$host', code: '$code' }, count: { $sum: 1 }, attempts: { $sum: '$attempts' } } },
      ],
      { hint },
    )
    .toArray();
  return groups.map(({ _id: { host, code }, count, attempts }) => ({
    host,
    count,
    attempts,
    ...(code !== undefined && { code }),
  }));
}

/** More groups than this are not read by anybody; the largest ones matter. */
const MAX_GROUPS = 100;
const SAMPLES = 3;
/** A look for each group: so many fit into the time of a request. Which groups follow can be seen from their counts. */
const MOST_SAMPLED = 10;
/** Reasons of samples are read at a glance, and a hundred groups have three hundred of them in one document. */
const MAX_SAMPLE_REASON = 300;

interface Group extends Omit<FailureGroup, 'samples'> {
  count: number;
  open: number;
  readonly samples: { seq: number; externalId: string; reason: string }[];
}

/** Items of a batch that failed, or that are open and failed an attempt, by (code, host), largest group first, as far as a bounded look gets. */
export async function failureGroups(items: Collection<StoredItem>, batchId: string): Promise<FailureGroup[]> {
  const [failed, open] = await Promise.all(
    (['failed', 'open'] as const).map((state) => boundedLook((most) => countGroups(items, batchId, state, most))),
  );
  const isPartial = failed?.isPartial === true || open?.isPartial === true;
  const largest = largestOf([
    ...(failed?.groups ?? []).map((group) => ({ ...group, open: 0 })),
    ...(open?.groups ?? []).map((group) => ({ ...group, open: group.count })),
  ]);
  await Promise.all(largest.slice(0, MOST_SAMPLED).map((group) => addSamples(items, batchId, group)));
  return largest.map((group) => ({ ...group, isAtLeast: isPartial }));
}

/**
 * Counts all failed items of a batch by (code, host), a window of a thousand items at a time, for a batch that is about to end.
 * @param onChunk told after each command how many failed items it has met
 */
export async function allFailureGroups(
  items: Collection<StoredItem>,
  batchId: string,
  onChunk?: OnChunk,
): Promise<FailureGroup[]> {
  const windows = await countWindows(items, batchId);
  const found = new Map<string, { code: ReasonCode; host: string; count: number; open: number }>();
  for (let window = 0; window < windows; window += 1) {
    const groups = await items
      .aggregate<CountedGroup>(
        [
          { $match: { batchId, ...inWindow(batchId, window), state: 'failed', ...WITH_CODE } },
          { $group: { _id: { code: '$code', host: '$host' }, count: { $sum: 1 } } },
        ],
        { hint: { _id: 1 } },
      )
      .toArray();
    for (const { _id, count } of groups) {
      const key = keyOf(_id.code, _id.host);
      found.set(key, { ..._id, count: count + (found.get(key)?.count ?? 0), open: 0 });
    }
    onChunk?.(groups.reduce((sum, { count }) => sum + count, 0));
  }
  const largest = largestOf([...found.values()]);
  for (const group of largest) await addSamples(items, batchId, group);
  return largest;
}

interface CountedGroup {
  readonly _id: { readonly code: ReasonCode; readonly host: string };
  readonly count: number;
}

function largestOf(
  counted: readonly {
    readonly code: ReasonCode;
    readonly host: string;
    readonly count: number;
    readonly open: number;
  }[],
): Group[] {
  const groups = new Map<string, Group>();
  for (const { code, host, count, open } of counted) {
    const group = groups.get(keyOf(code, host)) ?? { code, host, count: 0, isAtLeast: false, open: 0, samples: [] };
    group.count += count;
    group.open += open;
    groups.set(keyOf(code, host), group);
  }
  return [...groups.values()]
    .sort((a, b) => b.count - a.count || (keyOf(a.code, a.host) < keyOf(b.code, b.host) ? -1 : 1))
    .slice(0, MAX_GROUPS);
}

async function countGroups(items: Collection<StoredItem>, batchId: string, state: 'failed' | 'open', most: number) {
  const groups = await items
    .aggregate<CountedGroup>(
      [
        { $match: { batchId, state, ...WITH_CODE } },
        { $limit: most },
        { $group: { _id: { code: '$code', host: '$host' }, count: { $sum: 1 } } },
      ],
      // Other indexes begin with the same keys, but this one has all that is asked for.
      { hint: BY_CODE },
    )
    .toArray();
  return groups.map(({ _id, count }) => ({ ..._id, count }));
}

/** The first items of a group, failed ones before open ones. */
async function addSamples(items: Collection<StoredItem>, batchId: string, group: Group): Promise<void> {
  const { code, host, samples } = group;
  for (const state of ['failed', 'open'] as const) {
    const counted = state === 'open' ? group.open : group.count - group.open;
    if (samples.length === SAMPLES) return;
    // A look for what is not there would be half of the looks.
    if (counted === 0) continue;
    const found = await items
      .find({ batchId, state, code, host })
      .limit(SAMPLES - samples.length)
      .project<Pick<StoredItem, 'seq' | 'externalId' | 'reason'>>({ _id: 0, seq: 1, externalId: 1, reason: 1 })
      .toArray();
    found.sort((a, b) => a.seq - b.seq);
    samples.push(
      ...found.map(({ seq, externalId, reason }) => ({
        seq,
        externalId,
        reason: cappedReason(reason ?? '', MAX_SAMPLE_REASON),
      })),
    );
  }
}

function keyOf(code: string, host: string): string {
  return JSON.stringify([code, host]);
}

import { expect } from '@jest/globals';
import type { Item } from '../../../src/domain/item.js';
import type { Media } from '../../../src/domain/media.js';
import { kindOf, type PlannedItem } from './import-plan.js';
import type { ImportHistory, SettleEvent, Span, WriteEvent } from './run-import-plan.js';

const GOT_THROUGH = ['created', 'updated', 'unchanged'];
/** Who hears of a newer batch may have written just before it: the answer to a grouped write can leave that open. */
const MAY_HAVE_WRITTEN = ['created', 'updated', 'superseded'];

const isBefore = (a: Span, b: Span) => a.to < b.from;
const resultOf = ({ written }: WriteEvent) => written.result;
const contentOf = ({ write }: WriteEvent) => `${write.asset.sha256} ${write.fileName}`;
const batchOf = ({ item }: WriteEvent) => item.batch;

export function groupBy<T>(values: readonly T[], keyOf: (value: T) => string | number): T[][] {
  const groups = new Map<string | number, T[]>();
  for (const value of values) {
    const group = groups.get(keyOf(value));
    if (group === undefined) groups.set(keyOf(value), [value]);
    else group.push(value);
  }
  return [...groups.values()];
}

/** What has to be true of one key after all batches are through, whatever the interleaving was. Throws what is not. */
export function checkMedia(writes: readonly WriteEvent[], media: Media): void {
  const creators = new Set(writes.filter((event) => resultOf(event) === 'created').map(batchOf));
  expect(creators.size).toBe(1);

  const [sameKind, otherKind] = [
    writes.filter(({ item }) => kindOf(item) === media.kind),
    writes.filter(({ item }) => kindOf(item) !== media.kind),
  ];
  expect(sameKind.map(resultOf)).not.toContain('kind_conflict');
  expect(otherKind.map(resultOf).filter((result) => result !== 'kind_conflict')).toEqual([]);

  const newest = Math.max(...sameKind.map(batchOf));
  const ofNewest = sameKind.filter((event) => batchOf(event) === newest);
  expect(media.importSeq).toBe(newest + 1);
  expect(ofNewest.map(contentOf)).toContain(`${media.asset.sha256} ${media.fileName}`);
  expect(ofNewest.map(resultOf)).not.toContain('superseded');

  for (const event of sameKind) checkWrite(event, sameKind);
  for (const ofBatch of groupBy(sameKind, batchOf)) checkRepeats(ofBatch);
}

/** Whether the answer to one write fits to what others were told before it and during it. */
function checkWrite(event: WriteEvent, all: readonly WriteEvent[]): void {
  const others = all.filter((other) => other !== event);
  const newer = others.filter((other) => batchOf(other) > batchOf(event));
  const lateFor = newer.filter((other) => isBefore(other, event) && GOT_THROUGH.includes(resultOf(other)));
  if (lateFor.length > 0) expect(resultOf(event)).toBe('superseded');

  const begun = others.filter((other) => !isBefore(event, other));
  const writers = begun.filter((other) => MAY_HAVE_WRITTEN.includes(resultOf(other)));
  if (resultOf(event) === 'superseded') expect(begun.some((other) => newer.includes(other))).toBe(true);
  if (event.write.basedOn !== undefined && GOT_THROUGH.includes(resultOf(event))) {
    const between = all.filter((other) => isBefore(event.read, other) && isBefore(other, event));
    const foreign = between.filter((other) => batchOf(other) !== batchOf(event));
    expect(foreign.map(resultOf)).not.toContain('updated');
  }
  if (resultOf(event) === 'stale') expect(writers.some((other) => !isBefore(other, event.read))).toBe(true);
  if (resultOf(event) === 'unchanged') {
    const stored = writers.filter((other) => batchOf(other) < batchOf(event));
    expect(stored.map(contentOf)).toContain(contentOf(event));
  }
}

/** Whether all attempts of one batch at one key tell the same, unless a newer batch has come or the source has changed. */
function checkRepeats(ofBatch: readonly WriteEvent[]): void {
  const told = new Set(ofBatch.map(resultOf).filter((result) => GOT_THROUGH.includes(result)));
  const hasOneContent = new Set(ofBatch.map(contentOf)).size === 1;
  if (hasOneContent || told.has('created')) expect([...told].slice(1)).toEqual([]);
}

/** What has to be true of one item that was settled at least once. Throws what is not. */
export function checkItem(planned: PlannedItem, { settles, failures }: ImportHistory, item: Item): void {
  const ofItem = settles.filter((event) => event.item === planned);
  const winners = ofItem.filter(({ isFirst }) => isFirst);
  expect(winners).toHaveLength(1);
  const [winner] = winners as [SettleEvent];
  const { asset, attempt, ...told } = winner.settlement;
  expect(item).toMatchObject({ ...told, ...(asset && { sha256: asset.sha256 }), lastAttempt: attempt });

  const failed = failures.filter((event) => event.item === planned);
  // What ended before was counted, what began afterwards was not, and the rest may have come first or second.
  const counted = failed.filter((event) => isBefore(event, winner)).length;
  const mayCount = failed.filter((event) => !isBefore(winner, event)).length;
  expect(item.attempts).toBeGreaterThanOrEqual(counted + 1);
  expect(item.attempts).toBeLessThanOrEqual(mayCount + 1);
}

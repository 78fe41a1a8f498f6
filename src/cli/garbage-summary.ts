import type { CollectedRecords } from '../contract/activity-types.js';
import type { CollectedGarbage } from '../contract/workflow-names.js';

/** Counts of a collection, those of items where they are known. */
export type GarbageCounts = Omit<CollectedGarbage, 'items'> & Partial<Pick<CollectedRecords, 'items'>>;

/** The counts in words: `2 blobs (20 bytes), 1 part (5 bytes), 1 import (10 items) and 3 idempotency keys`. */
export function garbageSummary({ blobs, parts, batches, items, idempotencyKeys }: GarbageCounts): string {
  const imports = `${counted(batches, 'import')}${items === undefined ? '' : ` (${counted(items, 'item')})`}`;
  return [
    `${counted(blobs.count, 'blob')} (${counted(blobs.bytes, 'byte')})`,
    `${counted(parts.count, 'part')} (${counted(parts.bytes, 'byte')})`,
    `${imports} and ${counted(idempotencyKeys, 'idempotency key')}`,
  ].join(', ');
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

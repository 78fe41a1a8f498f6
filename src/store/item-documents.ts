import { randomBytes } from 'node:crypto';
import type { UpdateFilter } from 'mongodb';
import { cappedReason, itemKey, type Item, type ItemHeaders, type ItemSpec } from '../domain/item.js';
import type { SecretBox } from './secret-box.js';
import type { Settlement } from './store.js';

/** The driver takes an object with this key for one of its own types, and fails or writes something else. */
const RESERVED = /^%*_bsontype$/;
const SUFFIX = '_bsontype';

/** Free-form JSON of a client as it is stored: equal to what was posted, apart from keys that the driver would misread. */
export function toStored(json: Record<string, unknown>): Record<string, unknown> {
  if (!hasReservedKey(json)) return json;
  return renameKeys(json, (key) => (RESERVED.test(key) ? `%${key}` : key)) as Record<string, unknown>;
}

/** The inverse of `toStored`. */
export function fromStored(stored: Record<string, unknown>): Record<string, unknown> {
  if (!hasReservedKey(stored)) return stored;
  return renameKeys(stored, (key) => (key.startsWith('%') && RESERVED.test(key) ? key.slice(1) : key)) as Record<
    string,
    unknown
  >;
}

/** Hardly any object has such a key, and copying every one took longer than writing it as BSON. */
function hasReservedKey(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return value.some(hasReservedKey);
  for (const key in value)
    if (key.endsWith(SUFFIX) || hasReservedKey((value as Record<string, unknown>)[key])) return true;
  return false;
}

function renameKeys(value: unknown, rename: (key: string) => string): unknown {
  if (Array.isArray(value)) return value.map((element) => renameKeys(element, rename));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [rename(key), renameKeys(child, rename)]));
}

/** An item as it is stored: beside the contract's fields, which call of `settle` ended it. Its request headers are sealed. */
export interface StoredItem extends Omit<Item, 'headers'> {
  readonly settledBy?: string;
  /** Its request headers, sealed by `SecretBox`. */
  readonly sealedHeaders?: string;
}

/** Metadata beyond this is read only for the item that is being tried: a page of 100 items reads less than half a megabyte. */
const LARGE_METADATA_BYTES = 4 * 1024;

export function newStoredItem(batch: { _id: string; projectId: string }, spec: ItemSpec, at: Date): StoredItem {
  const _id = itemKey(batch._id, spec.seq);
  const metadata = toStored(spec.metadata);
  const isLarge = Buffer.byteLength(JSON.stringify(spec.metadata)) > LARGE_METADATA_BYTES;
  // The spread comes last: V8 takes thirty times as long to add fields to the copy of an object.
  return {
    _id,
    batchId: batch._id,
    projectId: batch.projectId,
    state: 'open',
    attempts: 0,
    updatedAt: at,
    ...spec,
    metadata,
    ...(isLarge && { isLarge }),
  };
}

/** Left out of every item that is read for others. */
export const WITHOUT_TOKEN = { settledBy: 0 } as const;

export function toItem({ sealedHeaders, ...stored }: StoredItem, box: SecretBox): Item {
  const item = { ...stored, metadata: fromStored(stored.metadata) };
  if (sealedHeaders === undefined) return item;
  return { ...item, headers: box.open(sealedHeaders, stored._id) as ItemHeaders | null };
}

/**
 * The filter of every write to one open item: the keys of the index (batchId, state, seq), which has no entry for an item that is
 * settled, so that a write which comes too late reads no document.
 */
export function openItem(batchId: string, seq: number): { batchId: string; state: 'open'; seq: number } {
  return { batchId, state: 'open', seq };
}

/** Ends an item. What a failed attempt left behind (code, reason, time of the next one) does not outlive it. */
export function settlementUpdate(settlement: Settlement, token: string, at: Date): UpdateFilter<StoredItem> {
  const { state, code, reason, mediaId, action, asset, attempt } = settlement;
  const optional = {
    code,
    reason: reason && cappedReason(reason),
    mediaId,
    action,
    sha256: asset?.sha256,
    bytes: asset?.bytes,
    mimeType: asset?.mimeType,
    width: asset?.width,
    height: asset?.height,
  };
  const [set, unset]: [Record<string, unknown>, Record<string, ''>] = [{}, { nextAttemptAt: '', sealedHeaders: '' }];
  for (const [field, value] of Object.entries(optional)) {
    if (value === undefined) unset[field] = '';
    else set[field] = value;
  }
  const ended = { ...set, state, updatedAt: at, settledBy: token, ...(attempt && { lastAttempt: attempt }) };
  return { $set: ended, $unset: unset, ...(attempt && { $inc: { attempts: 1 } }) };
}

/** Makes tokens that no other call in any process makes. */
export function createTokens(): () => string {
  const prefix = randomBytes(9).toString('base64url');
  let count = 0;
  return () => `${prefix}.${(count++).toString(36)}`;
}

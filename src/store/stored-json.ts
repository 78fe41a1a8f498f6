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

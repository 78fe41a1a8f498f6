import type { CheckedItem } from '../contract/import-item.js';
import { countValues } from '../contract/json-shape.js';
import type { BodyRoom } from './body-memory.js';

/** One write of the driver holds so many documents without being cut up, and ten of them hide the latency of a majority write. */
const CHUNK_ITEMS = 1_000;
/**
 * Two chunks are held at a time, the one that is read and the one that is stored. A thousand items of 2 KiB; turning the worst of this
 * size into BSON keeps the event loop for 20 ms (measured).
 */
const CHUNK_BYTES = 8 * 1024 ** 2;

/** As objects: two bytes for each byte of text that has one letter beyond Latin-1. And once more as BSON on its way to the database. */
const BYTES_OF_TEXT = 3;
/** At most, measured with V8 11 to 13: an object in a list takes 64, a member whose key is a number 110. */
const BYTES_OF_VALUE = 128;
/** The item's own keys, its host, its place in the chunk, and what its document has beside it. */
const BYTES_OF_ITEM = 1024;

/** What an item takes in memory whose text had so many bytes. */
function memoryOf({ metadata }: Pick<CheckedItem, 'metadata'>, bytes: number): number {
  return BYTES_OF_ITEM + bytes * BYTES_OF_TEXT + countValues(metadata) * BYTES_OF_VALUE;
}

/** Items that are stored together, and the room that they take. */
export interface Chunk<T> {
  readonly items: readonly T[];
  isFull(): boolean;
  /**
   * Answers false when there is no room at the moment.
   * @param bytes the length of the item's text
   */
  tryAdd(entry: T, item: Pick<CheckedItem, 'metadata'>, bytes: number): boolean;
  /** Waits for room. @throws ApiError as `BodyRoom.take` */
  add(entry: T, item: Pick<CheckedItem, 'metadata'>, bytes: number): Promise<void>;
  /** Once the items are stored, or of no use any more. */
  release(): void;
}

export function createChunk<T>(room: BodyRoom): Chunk<T> {
  const items: T[] = [];
  let held = 0;
  const push = (entry: T, memory: number) => {
    items.push(entry);
    held += memory;
  };
  return {
    items,
    isFull: () => items.length >= CHUNK_ITEMS || held >= CHUNK_BYTES,
    tryAdd(entry, item, bytes) {
      const memory = memoryOf(item, bytes);
      const hasRoom = room.tryTake(memory);
      if (hasRoom) push(entry, memory);
      return hasRoom;
    },
    async add(entry, item, bytes) {
      const memory = memoryOf(item, bytes);
      await room.take(memory);
      push(entry, memory);
    },
    release() {
      room.give(held);
      items.length = 0;
      held = 0;
    },
  };
}

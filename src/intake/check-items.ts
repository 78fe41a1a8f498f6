import type { ItemSpec } from '../domain/item.js';
import { giveWay, type BodyRoom } from './body-memory.js';
import { checkImportRequest, type ImportEnvelope, type PostedJson } from './request/envelope.js';
import { countValues, type CheckedItem } from './request/item.js';
import type { RequestRules } from './request/rules.js';

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

/** A POST that may be accepted. */
export interface ImportRequest {
  readonly envelope: ImportEnvelope;
  /** The items in order, as many at a time as are stored at a time; to be asked for once. */
  readonly chunks: () => AsyncIterable<readonly ItemSpec[]>;
}

/** What an id takes that is kept to find it again: two bytes a character, the head of the text and its place in a map. */
const memoryOfId = (id: string) => 2 * id.length + 100;

/**
 * Checks a JSON body against every rule of the contract before anything of it is stored, and gives way to other requests meanwhile.
 * Items that do not fit into one chunk are parsed again when they are stored, so that a body never takes more than its text and a
 * chunk: kept as objects, they would take several times as much until the last one is stored.
 * @throws ApiError 400 with the first 100 problems, keyed by dotted path (`videos.3.url`); what `BodyRoom.keep` throws
 */
export async function checkImport(body: PostedJson, rules: RequestRules, room: BodyRoom): Promise<ImportRequest> {
  const check = checkImportRequest(body, rules);
  const { itemCount } = check;
  const whole = createChunk<ItemSpec>(room);
  let isWhole = true;
  for (let seq = 0; seq < itemCount && !check.isFull(); seq += 1) {
    const othersFirst = giveWay();
    if (othersFirst !== undefined) await othersFirst;
    const found = check.check(seq);
    if (found === null) continue;
    const { spec, bytes } = found;
    room.keep(memoryOfId(spec.externalId));
    if (!isWhole || (!whole.isFull() && whole.tryAdd(spec, spec, bytes))) continue;
    isWhole = false;
    whole.release();
  }
  const envelope = check.envelope();

  async function* inChunks(): AsyncGenerator<readonly ItemSpec[], undefined> {
    let chunk = createChunk<ItemSpec>(room);
    for (let seq = 0; seq < itemCount; seq += 1) {
      const othersFirst = giveWay();
      if (othersFirst !== undefined) await othersFirst;
      const { spec, bytes } = check.again(seq);
      if (!chunk.isFull() && chunk.tryAdd(spec, spec, bytes)) continue;
      if (chunk.items.length > 0) yield chunk.items;
      chunk.release();
      chunk = createChunk(room);
      await chunk.add(spec, spec, bytes);
    }
    yield chunk.items;
    chunk.release();
  }
  async function* atOnce(): AsyncGenerator<readonly ItemSpec[], undefined> {
    yield await Promise.resolve(whole.items);
    whole.release();
  }
  return { envelope, chunks: isWhole ? atOnce : inChunks };
}

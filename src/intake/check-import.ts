import type { ImportEnvelope } from '../contract/import-envelope.js';
import { checkImportRequest, type PostedJson } from '../contract/import-request.js';
import type { ItemSpec } from '../contract/item.js';
import type { RequestRules } from '../contract/request-rules.js';
import type { BodyRoom } from './body-memory.js';
import { createChunk } from './chunk.js';
import { giveWay } from './turns.js';

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

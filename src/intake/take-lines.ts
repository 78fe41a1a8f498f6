import { checkItem, type CheckedItem } from '../contract/import-item.js';
import type { ImportLine } from '../contract/import-line.js';
import { createProblems } from '../contract/problems.js';
import type { RequestRules } from '../contract/request-rules.js';
import { distinctItems, type ItemIds, type LineItem } from './distinct-items.js';
import type { LineVerdicts } from './line-verdicts.js';

/** One write of the driver holds so many documents without being cut up, and ten of them hide the latency of a majority write. */
const CHUNK_ITEMS = 1_000;
/** Items may be a megabyte each: two chunks, the one that is read and the one that is stored, are held at a time. */
const CHUNK_BYTES = 4 * 1024 * 1024;

export interface LinesToTake {
  readonly lines: AsyncIterable<readonly ImportLine[]>;
  readonly rules: RequestRules;
  readonly verdicts: LineVerdicts;
  /** Stores a chunk of items, the first of them as number `fromSeq`. */
  readonly store: (items: readonly CheckedItem[], fromSeq: number) => Promise<void>;
  readonly ids: ItemIds;
}

/**
 * Checks lines and stores their items chunk by chunk, in the order of the lines. One chunk is stored while the next one is
 * read; no more is read meanwhile, so that whoever sends is slowed down to the pace of the database. Answers the number of items.
 * @throws ApiError 400 when lines must not be left out and one is bad, or when there is no item; whatever `lines` and `store` throw
 */
export async function takeLines({ lines, rules, verdicts, store, ids }: LinesToTake): Promise<number> {
  let count = 0;
  const finish = async (chunk: readonly LineItem[]): Promise<void> => {
    const distinct = await distinctItems(chunk, ids, ({ line }, firstLine) => {
      verdicts.reject(line, [['id', `Must be unique, line ${firstLine} has the same`]]);
    });
    for (const [index, { item, line }] of distinct.entries())
      ids.seen.add(item.externalId, { seq: count + index, line });
    const fromSeq = count;
    count += distinct.length;
    if (!verdicts.isRefused() && distinct.length > 0)
      await store(
        distinct.map(({ item }) => item),
        fromSeq,
      );
  };

  let storing = Promise.resolve();
  let chunk: LineItem[] = [];
  let bytes = 0;
  const flush = async (): Promise<void> => {
    await storing;
    storing = finish(chunk);
    // Awaited before anything else is stored, and at the end.
    storing.catch(() => undefined);
    chunk = [];
    bytes = 0;
  };

  try {
    for await (const group of lines) {
      for (const line of group) {
        const item = itemOf(line, rules, verdicts);
        if (verdicts.isFull()) break;
        if (item === null) continue;
        chunk.push({ line: line.line, item });
        bytes += line.bytes;
        if (chunk.length >= CHUNK_ITEMS || bytes >= CHUNK_BYTES) await flush();
      }
      if (verdicts.isFull()) break;
    }
    await flush();
  } finally {
    // Nothing is stored any more once this has ended, however it ends: what was stored is about to be removed then.
    await storing;
  }
  verdicts.throwIfRefused(count);
  return count;
}

function itemOf(line: ImportLine, rules: RequestRules, verdicts: LineVerdicts): CheckedItem | null {
  if ('problem' in line) {
    verdicts.reject(line.line, [['', line.problem]]);
    return null;
  }
  const problems = createProblems();
  const item = checkItem(line.item, [], rules, problems);
  const found = problems.entries();
  if (found.length === 0) return item;
  verdicts.reject(line.line, found);
  return null;
}

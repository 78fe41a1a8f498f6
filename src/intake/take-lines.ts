import { checkItem, type CheckedItem } from '../contract/import-item.js';
import type { ImportLine } from '../contract/import-line.js';
import { createProblems } from '../contract/problems.js';
import type { RequestRules } from '../contract/request-rules.js';
import type { BodyRoom } from './body-memory.js';
import { createChunk, type Chunk } from './chunk.js';
import { distinctItems, type ItemIds, type LineItem } from './distinct-items.js';
import type { LineVerdicts } from './line-verdicts.js';
import { giveWay } from './turns.js';

/** So long lines are held before they are stored, however few they are: a client may take hours for the next one. */
const HOLD_MS = 1_000;

export interface LinesToTake {
  readonly lines: AsyncIterable<readonly ImportLine[]>;
  readonly rules: RequestRules;
  readonly verdicts: LineVerdicts;
  /** Stores a chunk of items, the first of them as number `fromSeq`. */
  readonly store: (items: readonly CheckedItem[], fromSeq: number) => Promise<void>;
  readonly ids: ItemIds;
  readonly room: BodyRoom;
}

/**
 * Checks lines and stores their items chunk by chunk, in the order of the lines. One chunk is stored while the next one is
 * read; no more is read meanwhile, so that the sender is slowed down to the pace of the database. Answers the number of items.
 * @throws ApiError 400 when lines must not be left out and one is bad, when too many are, or when there is no item; whatever `lines`,
 *   `store` and `room` throw
 */
export async function takeLines({ lines, rules, verdicts, store, ids, room }: LinesToTake): Promise<number> {
  let count = 0;
  const finish = async (chunk: Chunk<LineItem>): Promise<void> => {
    const distinct = await distinctItems(chunk.items, ids, ({ line }, firstLine) => {
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
    chunk.release();
  };

  let chunk = createChunk<LineItem>(room);
  let overdue: NodeJS.Timeout | undefined;
  let storing = Promise.resolve();
  /** Begins to store what is held; resolves when what was held before is stored. */
  const flush = (): Promise<void> => {
    clearTimeout(overdue);
    overdue = undefined;
    const [taken, before] = [chunk, storing];
    chunk = createChunk(room);
    storing = before.then(() => finish(taken));
    // Awaited before anything else is read, and at the end.
    storing.catch(() => undefined);
    return before;
  };
  const hold = (line: ImportLine, item: CheckedItem): Promise<void> | undefined => {
    const entry = { line: line.line, item };
    if (!chunk.tryAdd(entry, item, line.bytes)) {
      void flush();
      // Room is given back by what is stored, its own first.
      return storing.then(() => chunk.add(entry, item, line.bytes));
    }
    if (chunk.isFull()) return flush();
    overdue ??= setTimeout(() => void flush(), HOLD_MS);
    return undefined;
  };

  try {
    for await (const group of lines) {
      for (const line of group) {
        // A promise for each line would cost more than its item.
        const othersFirst = giveWay();
        if (othersFirst !== undefined) await othersFirst;
        const item = itemOf(line, rules, verdicts);
        if (item !== null) verdicts.accept();
        const stored = item === null ? undefined : hold(line, item);
        if (stored !== undefined) await stored;
        if (verdicts.isFull()) break;
      }
      if (verdicts.isFull()) break;
    }
    await flush();
  } finally {
    clearTimeout(overdue);
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
  const problems = createProblems(verdicts.problemsOfLine);
  const item = checkItem(line.item, [], rules, problems);
  const found = problems.entries();
  if (found.length === 0) return item;
  verdicts.reject(line.line, found);
  return null;
}

import { MAX_PROBLEMS, createProblems } from '../domain/api-error.js';
import { cutToBytes } from '../domain/text.js';
import { giveWay, type BodyRoom } from './body-memory.js';
import { createChunk, type Chunk } from './check-items.js';
import { distinctItems, type ItemIds, type LineItem } from './distinct-items.js';
import type { RejectedLine, ImportLine } from './request/envelope.js';
import { checkItem, type CheckedItem } from './request/item.js';
import type { RequestRules } from './request/rules.js';

/** An answer of some 100 KiB, and at most 500; with more bad lines than that, it is their producer that needs fixing. */
const MAX_REJECTED = 1_000;
/** Of one line. More would not be read, and 1,000 lines of 100 problems each once made an answer of 80 MB. */
const MAX_REASONS = 5;
const MAX_REASON_BYTES = 500;
/** What is kept of a rejected line: two bytes a character, and its object. */
const BYTES_OF_REJECTED = 2 * MAX_REASON_BYTES + 100;
/**
 * A partial batch with this many bad lines, and fewer good ones, is not what the client believes that it is. To read on would cost
 * time and tell nothing.
 */
const MAX_BAD = 10_000;

/** The lines that were left out of a batch: the first 1,000 of them, and how many there are. */
export interface Rejected {
  readonly lines: readonly RejectedLine[];
  readonly total: number;
}

/** What becomes of bad lines. */
interface LineVerdicts {
  /** How many problems of a line are worth looking for. */
  readonly problemsOfLine: number;
  /** @param problems dotted path within the line, empty for the line itself, with a sentence */
  reject(line: number, problems: readonly (readonly [path: string, sentence: string])[]): void;
  /** A line was good. */
  accept(): void;
  /** Nothing needs to be stored any more: one line is enough to refuse the batch and one was bad, or far too many were. */
  isRefused(): boolean;
  /** Reading further is of no use. */
  isFull(): boolean;
  /** @throws ApiError 400 keyed `line.12.url` when the batch is refused, or when no item is left */
  throwIfRefused(itemCount: number): void;
  rejected(): Rejected;
}

/**
 * @param isPartial good lines are taken although others are bad
 * @param keep is told what a rejected line takes in memory, and may throw
 */
export function createLineVerdicts(isPartial: boolean, keep: (bytes: number) => void = () => undefined): LineVerdicts {
  const problems = createProblems();
  const lines: RejectedLine[] = [];
  let [good, total, lastBad] = [0, 0, 0];
  const isHopeless = () => isPartial && total >= MAX_BAD && total > good;
  const isRefused = () => isHopeless() || (!isPartial && total > 0);
  return {
    problemsOfLine: isPartial ? MAX_REASONS + 1 : MAX_PROBLEMS,
    reject(line, found) {
      total += 1;
      lastBad = line;
      // Each part of a path is cut by itself.
      for (const [path, sentence] of found)
        problems.add(['line', line, ...(path === '' ? [] : path.split('.'))], sentence);
      if (!isPartial || lines.length === MAX_REJECTED) return;
      keep(BYTES_OF_REJECTED);
      lines.push({ line, error: reasonOf(found) });
    },
    accept() {
      good += 1;
    },
    isRefused,
    isFull: () => isHopeless() || (isRefused() && problems.isFull()),
    throwIfRefused(itemCount) {
      if (isHopeless()) {
        const all = createProblems(problems.entries().length + 1);
        all.add(['body'], `Nothing was taken: ${total} of the first ${lastBad} lines are bad, more than are good`);
        for (const [path, sentence] of problems.entries()) all.add(path.split('.'), sentence);
        throw all.asError();
      }
      if (isRefused()) throw problems.asError();
      if (itemCount > 0) return;
      problems.add(['body'], 'Must have at least one item');
      throw problems.asError();
    },
    // A duplicate shows only when its chunk is stored, after later lines were read.
    rejected: () => ({ lines: lines.toSorted((a, b) => a.line - b.line), total }),
  };
}

function reasonOf(found: readonly (readonly [path: string, sentence: string])[]): string {
  const reasons = found
    .slice(0, MAX_REASONS)
    .map(([path, sentence]) => (path === '' ? sentence : `${path}: ${sentence}`));
  if (found.length > MAX_REASONS) reasons.push('and more');
  return cutToBytes(reasons.join('; '), MAX_REASON_BYTES);
}

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

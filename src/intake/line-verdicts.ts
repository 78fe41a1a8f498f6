import type { RejectedLine } from '../contract/import-line.js';
import { MAX_PROBLEMS, createProblems } from '../contract/problems.js';
import { cutToBytes } from '../contract/stored-text.js';

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
export interface LineVerdicts {
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

import type { RejectedLine } from '../contract/import-line.js';
import { createProblems } from '../contract/problems.js';

/** An answer of some 100 KiB; whoever has more bad lines than that mends what makes them. */
const MAX_REJECTED = 1_000;

/** The lines that were left out of a batch: the first 1,000 of them, and how many there are. */
export interface Rejected {
  readonly lines: readonly RejectedLine[];
  readonly total: number;
}

/** What becomes of bad lines. */
export interface LineVerdicts {
  /** @param problems dotted path within the line, empty for the line itself, with a sentence */
  reject(line: number, problems: readonly (readonly [path: string, sentence: string])[]): void;
  /** One line is enough to refuse the batch, and a line was bad: nothing needs to be stored any more. */
  isRefused(): boolean;
  /** As many problems as are reported: reading further is of no use. */
  isFull(): boolean;
  /** @throws ApiError 400 keyed `line.12.url` when the batch is refused, or when no item is left */
  throwIfRefused(itemCount: number): void;
  rejected(): Rejected;
}

/** @param isPartial good lines are taken although others are bad */
export function createLineVerdicts(isPartial: boolean): LineVerdicts {
  const problems = createProblems();
  const lines: RejectedLine[] = [];
  let total = 0;
  const isRefused = () => !isPartial && total > 0;
  return {
    reject(line, found) {
      total += 1;
      for (const [path, sentence] of found) problems.add(path === '' ? ['line', line] : ['line', line, path], sentence);
      if (!isPartial || lines.length === MAX_REJECTED) return;
      const error = found.map(([path, sentence]) => (path === '' ? sentence : `${path}: ${sentence}`)).join('; ');
      lines.push({ line, error });
    },
    isRefused,
    isFull: () => isRefused() && problems.isFull(),
    throwIfRefused(itemCount) {
      if (isRefused()) throw problems.asError();
      if (itemCount > 0) return;
      problems.add(['body'], 'Must have at least one item');
      throw problems.asError();
    },
    // A duplicate shows only when its chunk is stored, after later lines were read.
    rejected: () => ({ lines: lines.toSorted((a, b) => a.line - b.line), total }),
  };
}

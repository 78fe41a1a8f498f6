import { createProblems } from '../domain/api-error.js';
import { takeLines, type LinesToTake } from './check-lines.js';
import { createSeenIds } from './distinct-items.js';

/** What a POST of the same lines would say, without having been made. */
export interface DryRun {
  /** Lines that would be taken. */
  readonly items: number;
  /** Lines that would not. */
  readonly bad: number;
  /** Sentences by `line.12.url`, of the first lines that would not be taken. */
  readonly problems: Readonly<Record<string, string>>;
  /** The last line that `problems` covers, when there are more than it may hold. */
  readonly coveredTo?: number;
}

/** An answer of some 200 KiB; whoever corrects more lines than that by hand asks again for the rest. */
const MAX_PROBLEMS = 1_000;
/** Of one line: an item has five fields, and metadata rules name each field of theirs. */
const PROBLEMS_OF_LINE = 20;

/**
 * Checks the lines of a batch against every rule that a POST of them would be checked against, ids that are there twice included, and
 * stores nothing. Duplicates are told by a hash of 38 bits: of a million lines, a few may be called so wrongly.
 * @throws whatever the lines and the room throw
 */
export async function dryRunLines({
  lines,
  rules,
  room,
}: Pick<LinesToTake, 'lines' | 'rules' | 'room'>): Promise<DryRun> {
  const problems = createProblems(MAX_PROBLEMS);
  let bad = 0;
  let coveredTo: number | undefined;
  const seen = createSeenIds((bytes) => {
    room.keep(bytes);
  });
  const items = await takeLines({
    lines,
    rules,
    room,
    // What is not stored cannot be read again, so that every suspicion stands.
    ids: { seen, read: () => Promise.resolve(new Map()) },
    store: () => Promise.resolve(),
    verdicts: {
      problemsOfLine: PROBLEMS_OF_LINE,
      reject(line, found) {
        bad += 1;
        if (coveredTo !== undefined) return;
        for (const [path, sentence] of found)
          problems.add(['line', line, ...(path === '' ? [] : path.split('.'))], sentence);
        if (problems.isFull()) coveredTo = line;
      },
      accept: () => undefined,
      isRefused: () => false,
      isFull: () => false,
      throwIfRefused: () => undefined,
      rejected: () => ({ lines: [], total: bad }),
    },
  });
  const covered = coveredTo === undefined ? {} : { coveredTo };
  return { items, bad, problems: Object.fromEntries(problems.entries()), ...covered };
}

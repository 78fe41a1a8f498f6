import fc from 'fast-check';
import type { Kind } from '../../../src/domain/import.js';

/** One delivery of the work on an item: a first attempt, a repeated one, or a zombie of one that was taken for dead. */
export interface PlannedAttempt {
  /** What the source holds when this attempt looks. */
  readonly content: string;
  /** Asks the source only whether it has something newer than the stored content. */
  readonly isConditional: boolean;
  /** Tells the store what it has read of the media. */
  readonly tellsKnown: boolean;
  /** Failed attempts that it concludes before, each told twice if `repeats`. */
  readonly failures: number;
  readonly marksSolo: boolean;
  /** Everything that it concludes is told twice, by two workers at the same moment. */
  readonly repeats: boolean;
  /** Killed between media and item. */
  readonly dies: boolean;
  readonly worker: number;
}

/** The work on one key in one batch; `batch` is also the order of acceptance. */
export interface PlannedItem {
  readonly batch: number;
  readonly key: number;
  readonly attempts: readonly PlannedAttempt[];
}

/** Every so many keys, batches do not agree on the kind. */
const MIXED_EVERY = 4;

export function kindOf({ batch, key }: PlannedItem): Kind {
  return key % MIXED_EVERY === 0 && batch % 2 === 1 ? 'file' : 'video';
}

/** Two names, so that batches with the same bytes sometimes differ nevertheless. */
export function fileNameOf({ batch }: PlannedItem): string {
  return batch % 4 === 3 ? 'renamed.mp4' : 'clip.mp4';
}

const attempt: fc.Arbitrary<PlannedAttempt> = fc.record({
  // Few contents, so that the same bytes come back under other batches.
  content: fc.constantFrom('a', 'b'),
  isConditional: fc.boolean(),
  tellsKnown: fc.boolean(),
  failures: fc.constant(0),
  marksSolo: fc.boolean(),
  repeats: fc.boolean(),
  dies: fc.boolean(),
  worker: fc.nat(),
});

/**
 * The attempts at one item run at the same time. One of them concludes failures first; the last one lives, as there is always
 * one more attempt after a crash.
 * @param single how many items have one attempt for each that has several
 */
export function itemAttempts(single: number): fc.Arbitrary<readonly PlannedAttempt[]> {
  const attempts = fc.oneof(
    { weight: single, arbitrary: fc.tuple(attempt) },
    { weight: 1, arbitrary: fc.array(attempt, { minLength: 2, maxLength: 3 }) },
  );
  return fc.record({ attempts, failures: fc.nat(2), doesSourceChange: fc.boolean() }).map((planned) =>
    planned.attempts.map((each, index) => ({
      ...each,
      content: planned.doesSourceChange ? each.content : planned.attempts[0].content,
      failures: index === 0 ? planned.failures : 0,
      dies: each.dies && index < planned.attempts.length - 1,
    })),
  );
}

/** Some batches over two keys, one of them with several kinds; mostly over the other, where they meet. */
export function plannedItems(size: { batches: number; items: number }): fc.Arbitrary<PlannedItem[]> {
  const key = fc.nat(4).map((n) => (n === 0 ? 0 : 1));
  return fc.uniqueArray(fc.record({ batch: fc.nat(size.batches - 1), key, attempts: itemAttempts(1) }), {
    minLength: 2,
    maxLength: size.items,
    selector: ({ batch, key }) => `${batch} ${key}`,
  });
}

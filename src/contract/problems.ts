import { ApiError } from './api-error.js';

/** More would not be read, and a hostile body could ask for megabytes of them. */
const MAX_PROBLEMS = 100;
/** A path repeats keys of the client, which may be as long as the body. */
const MAX_PATH_LENGTH = 300;

/** Gathers what is wrong with a request, keyed by dotted path. The first sentence of a path stands. */
export interface Problems {
  add(path: readonly PropertyKey[], sentence: string): void;
  /** As many problems as are reported: looking further is of no use. */
  isFull(): boolean;
  /** Dotted paths with their sentences, in the order in which they were found. */
  entries(): readonly (readonly [path: string, sentence: string])[];
  /** The ApiError 400 of every problem gathered. */
  asError(): ApiError;
  /** @throws ApiError 400 with every problem gathered, if there is any. */
  throwIfAny(): void;
}

export function createProblems(): Problems {
  const found = new Map<string, string>();
  // fromEntries defines own keys, so that a path called __proto__ is reported like any other.
  const asError = () => new ApiError(400, Object.fromEntries(found));
  return {
    add(path, sentence) {
      const key = path.map(String).join('.').slice(0, MAX_PATH_LENGTH);
      if (found.size < MAX_PROBLEMS && !found.has(key)) found.set(key, sentence);
    },
    isFull: () => found.size >= MAX_PROBLEMS,
    entries: () => [...found],
    asError,
    throwIfAny() {
      if (found.size > 0) throw asError();
    },
  };
}

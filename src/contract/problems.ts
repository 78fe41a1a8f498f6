import { ApiError } from './api-error.js';

/** More would not be read, and a hostile body could ask for megabytes of them. */
export const MAX_PROBLEMS = 100;
/** A path repeats keys of the client, which may be as long as the body: each is cut before the path is put together. */
const MAX_PART_LENGTH = 100;
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

/** @param max how many problems are kept */
export function createProblems(max = MAX_PROBLEMS): Problems {
  const found = new Map<string, string>();
  // Those that share a path once it is cut count as well: without that, a long key would keep the search going forever.
  let count = 0;
  // fromEntries defines own keys, so that a path called __proto__ is reported like any other.
  const asError = () => new ApiError(400, Object.fromEntries(found));
  return {
    add(path, sentence) {
      if (count >= max) return;
      count += 1;
      const key = dotted(path);
      if (!found.has(key)) found.set(key, sentence);
    },
    isFull: () => count >= max,
    entries: () => [...found],
    asError,
    throwIfAny() {
      if (found.size > 0) throw asError();
    },
  };
}

function dotted(path: readonly PropertyKey[]): string {
  return path
    .map((part) => (typeof part === 'string' ? part.slice(0, MAX_PART_LENGTH) : String(part)))
    .join('.')
    .slice(0, MAX_PATH_LENGTH);
}

/** The HTTP statuses that the API answers with, and the published `error` text of each (RFC 9110 reason phrases). */
export const API_ERRORS = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  409: 'Conflict',
  410: 'Gone',
  413: 'Payload Too Large',
  415: 'Unsupported Media Type',
  416: 'Range Not Satisfiable',
  422: 'Unprocessable Entity',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
} as const;

export type ApiStatus = keyof typeof API_ERRORS;

/** An answer other than success: rendered as `{status, error, error_details}`. `headers` are added to the response. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  constructor(
    readonly status: ApiStatus,
    readonly details: Readonly<Record<string, unknown>>,
    readonly headers: Readonly<Record<string, string>> = {},
    options?: ErrorOptions,
  ) {
    super(API_ERRORS[status], options);
  }
}

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

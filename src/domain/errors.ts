/**
 * The closed table of reason codes: why an item failed. Codes are wire format: never renamed, never reused.
 * `retryable` decides whether another attempt is made; docs/errors.md shows the same table and a test holds both equal.
 */
export const REASONS = {
  url_not_allowed: {
    title: 'The address may not be fetched',
    retryable: false,
    hint: 'Use a public http(s) URL on port 80 or 443 whose name resolves only to public addresses; an operator can open others with EGRESS_ALLOW',
  },
  redirect_refused: {
    title: 'A redirect led to an address that may not be fetched, from https to http, nowhere, or too far',
    retryable: false,
    hint: 'Post the final URL instead of one that redirects',
  },
  dns_failed: {
    title: 'The host name could not be resolved',
    retryable: true,
    hint: 'Check the spelling of the host name and the DNS settings of the worker; an unknown name is tried only 3 times',
  },
  connect_failed: {
    title: 'The connection failed, or broke before a response arrived',
    retryable: true,
    hint: 'Check that the source is running and reachable from the internet',
  },
  tls_failed: {
    title: 'The TLS certificate of the source is not valid',
    retryable: false,
    hint: 'Renew or complete the certificate chain of the source',
  },
  timeout: {
    title: 'The source did not answer in time',
    retryable: true,
    hint: 'Check whether the source is overloaded, then post the item again',
  },
  too_slow: {
    title: 'The source sent bytes slower than the minimum speed',
    retryable: true,
    hint: 'Check the bandwidth of the source, or lower DOWNLOAD_MIN_SPEED',
  },
  http_401: {
    title: 'The source asks for credentials (401)',
    retryable: false,
    hint: 'Post a URL that carries its own authorisation, such as a signed one',
  },
  http_403: {
    title: 'The source refuses access (403)',
    retryable: false,
    hint: 'Check whether a signed URL has expired or the source blocks automated clients',
  },
  http_404: { title: 'The source does not know the URL (404)', retryable: false, hint: 'Correct the URL' },
  http_410: { title: 'The source has removed the file (410)', retryable: false, hint: 'Drop the item' },
  http_4xx: {
    title: 'The source refuses the request with another 4xx status',
    retryable: false,
    hint: 'Check the HTTP status of the last attempt',
  },
  http_5xx: {
    title: 'The source keeps responding with a 5xx status',
    retryable: true,
    hint: 'Post the item again when the source has recovered',
  },
  rate_limited: {
    title: 'The source keeps responding that there are too many requests (425, 429)',
    retryable: true,
    hint: 'Post the item again later, or ask the source for a higher limit',
  },
  truncated: {
    title: 'The body ended before its announced length',
    retryable: true,
    hint: 'Check proxies and time limits at the source',
  },
  source_changed: {
    title: 'The file kept changing while it was being fetched',
    retryable: true,
    hint: 'Post the item again when the source file is stable',
  },
  too_large: {
    title: 'The file is larger than the limit',
    retryable: false,
    hint: 'Raise DOWNLOAD_MAX_BYTES or make the file smaller',
  },
  empty: { title: 'The file has no bytes', retryable: false, hint: 'Upload the file at the source again' },
  type_mismatch: {
    title: 'The media type does not accept the detected type of the bytes',
    retryable: false,
    hint: 'Check that the URL returns the file itself, not a login or error page',
  },
  type_not_allowed: {
    title: 'The configuration of the media type does not accept files of this type',
    retryable: false,
    hint: 'Add the type to allowedMimeTypes of the media type in MEDIA_TYPES_FILE, or post the item as another media type',
  },
  unsupported_encoding: {
    title: 'The body has a content encoding that cannot be decoded safely',
    retryable: false,
    hint: 'Serve the file without Content-Encoding',
  },
  metadata_invalid: {
    title: 'The metadata breaks the rules of the media type',
    retryable: false,
    hint: 'Correct the metadata fields that the reason names',
  },
  kind_conflict: {
    title: 'The pair of systemName and id already holds media of another kind',
    retryable: false,
    hint: 'Use another id for this file',
  },
  storage_failed: {
    title: 'The file could not be stored',
    retryable: true,
    hint: 'Check disk space and permissions of the blob store, then post the item again',
  },
  worker_crashed: {
    title: 'The worker crashed each time it tried the item',
    retryable: false,
    hint: 'Tell the operator: this file crashes the process that handles it',
  },
  cancelled: {
    title: 'The import was cancelled before the item was done',
    retryable: false,
    hint: 'Post the item again',
  },
} as const satisfies Record<string, { title: string; retryable: boolean; hint: string }>;

export type ReasonCode = keyof typeof REASONS;

/** Why an item was left as it is. Not failures. */
export const SKIP_REASONS = {
  already_exists: 'already exists',
  superseded: 'superseded by a newer import',
} as const;

export type SkipCode = keyof typeof SKIP_REASONS;

/** Where in the life of an attempt it failed. */
export type Stage = 'validate' | 'resolve' | 'connect' | 'headers' | 'body' | 'type' | 'store' | 'record';

export interface ImportErrorDetails {
  readonly stage?: Stage;
  readonly httpStatus?: number;
  readonly contentType?: string;
  /** Raw body bytes that this attempt had received. */
  readonly bytes?: number;
  /** What the source asked for with Retry-After, in milliseconds, already capped. */
  readonly retryAfterMs?: number;
  /** The host that failed, where a redirect led to another one than that of the URL. */
  readonly host?: string;
  /** The failure is our own and says nothing about a host: this process has no sockets left, for instance. */
  readonly isOurs?: boolean;
  /** Set where only this occurrence must not be retried although its code is (or the other way round). */
  readonly retryable?: boolean;
  /** An unknown host name (NXDOMAIN) gets fewer attempts than a resolver in trouble. */
  readonly maxAttempts?: number;
}

/**
 * The one error that ends an attempt with a reason code. `message` is the sentence that clients and operators read: it never
 * holds a URL, an address, a header or a body.
 */
export class ImportError extends Error {
  override readonly name = 'ImportError';
  constructor(
    readonly code: ReasonCode,
    message: string,
    readonly details: ImportErrorDetails = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  get retryable(): boolean {
    return this.details.retryable ?? REASONS[this.code].retryable;
  }
}

/** The code of whatever was thrown, such as `ENOENT`; undefined where it has none. Errors of other realms are no `Error`. */
export function errorCode(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}

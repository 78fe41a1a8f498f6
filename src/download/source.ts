import type { BlobStore } from '../blobs/blob-store.js';
import type { Asset, MediaType } from '../domain/media.js';
import type { Egress } from '../egress/egress.js';

/** What tells one state of a source's file from another (RFC 9110 section 8.8): as sent, at most 1 KiB each. */
export interface Validators {
  readonly etag?: string;
  readonly lastModified?: string;
}

/** How far a body has come. */
export interface FetchProgress {
  /** Bytes that another attempt would not have to fetch again. */
  readonly offset: number;
  /** Wire bytes received by this attempt. */
  readonly received: number;
  readonly total?: number;
  /** First 16 hex digits of the ETag's SHA-256: tells states of the file apart, and nothing foreign enters a heartbeat. */
  readonly etag?: string;
}

export interface FetchRequest {
  readonly url: string;
  /** As the client named the file: an extension that fits no HTML page tells a login page from a file. */
  readonly fileName?: string;
  /** Sent to the origin of the URL only, beside those that every request has and over all but the conditions among them. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly mediaType: MediaType;
  /** Aborts the attempt: cancellation, shutdown, or the end of a sweep's patience. */
  readonly signal: AbortSignal;
  /** Called as bytes arrive, for heartbeats. */
  readonly onProgress?: (progress: FetchProgress) => void;
  /** Called when the headers of the answer are there. The body is not read before it has resolved. */
  readonly onAnswered?: () => void | Promise<void>;
  /** Called when the source has sent all that was asked for, before it is stored: others may ask it now. */
  readonly onArrived?: () => void;
  /**
   * A place for short work gives up bodies beyond this many bytes (announced or received): the fetch then ends with `NeedsOwnActivity`,
   * unless `mayKeepPlace` lets it continue. Absent where there is time for any body.
   */
  readonly inlineBytes?: number;
  /** Asked once when a body is larger than `inlineBytes`. */
  readonly mayKeepPlace?: () => boolean;
  /**
   * The same for every attempt at one item: a large body with a strong ETag is then kept when the attempt fails, and continued by
   * the next one. Absent in pages, whose bodies are small.
   */
  readonly partKey?: string;
  /** Of what is stored already: a source that has nothing newer answers 304 and sends no body. */
  readonly unless?: Validators;
}

export interface Fetched {
  readonly kind: 'fetched';
  readonly asset: Asset;
  readonly validators: Validators;
  readonly httpStatus: number;
  readonly contentType?: string;
  /** Raw body bytes received by this attempt. */
  readonly received: number;
}

/** The source has what `unless` described. */
export interface NotModified {
  readonly kind: 'not_modified';
  readonly httpStatus: number;
}

/** Not a failure: the body is too large or too slow for a place that is meant for short work; silent: there was no answer yet. */
export class NeedsOwnActivity extends Error {
  override readonly name = 'NeedsOwnActivity';
  constructor(readonly why: 'large' | 'slow' | 'silent') {
    super(`Too ${why} for a place for short work`);
  }
}

/**
 * Fetches a URL into the blob store: guard → headers → decode → size and speed limits → type by bytes → SHA-256 → blob.
 * @throws ImportError with the code, stage, HTTP status, content type and received bytes of what went wrong; NeedsOwnActivity
 */
export interface Source {
  fetch(request: FetchRequest): Promise<Fetched | NotModified>;
  /**
   * Removes what attempts have kept under a `partKey`, for an item that will not be tried again. An attempt that is still writing
   * to it fails as storage_failed.
   * @throws ImportError storage_failed
   */
  discardPart(partKey: string): Promise<void>;
}

/** What a source may cost. The defaults and their reasons are in the configuration; tests pass small ones. */
export interface SourceLimits {
  /** From the request to the response headers, of every hop. */
  readonly headersTimeoutMs: number;
  /** Longest silence within a body. */
  readonly idleTimeoutMs: number;
  readonly minSpeedBytesPerSecond: number;
  /** Span of waiting for the network over which the minimum speed is measured. */
  readonly minSpeedWindowMs: number;
  /** Largest body, as announced, as received and as decoded. */
  readonly maxBytes: number;
  readonly maxRedirects: number;
}

export interface SourceDeps {
  readonly egress: Egress;
  readonly blobs: BlobStore;
  readonly limits: SourceLimits;
  /** Names the product to the operators of sources. */
  readonly userAgent?: string;
}

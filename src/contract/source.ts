import type { Asset } from './media.js';
import type { MediaType } from './media-type.js';

export interface FetchRequest {
  readonly url: string;
  readonly mediaType: MediaType;
  /** Aborts the attempt: cancellation, shutdown, or the end of a sweep's patience. */
  readonly signal: AbortSignal;
  /** Called as bytes arrive, for heartbeats; `received` counts raw body bytes. */
  readonly onProgress?: (received: number) => void;
  /**
   * A sweep gives up bodies beyond this many bytes (announced or received) and hands them to an activity of their own:
   * the fetch then ends with `LeaveSweep`. Absent outside sweeps.
   */
  readonly sweepBytes?: number;
}

export interface Fetched {
  readonly asset: Asset;
  readonly httpStatus: number;
  readonly contentType?: string;
  /** Raw body bytes received. */
  readonly received: number;
}

/** Not a failure: the body is too large or too slow for a sweep. */
export class LeaveSweep extends Error {
  override readonly name = 'LeaveSweep';
  constructor(readonly why: 'large' | 'slow') {
    super(`Too ${why} for a sweep`);
  }
}

/**
 * Fetches a URL into the blob store: guard → headers → decode → size and speed limits → type by bytes → SHA-256 → blob.
 * @throws ImportError with the code, stage, HTTP status and content type of what went wrong; LeaveSweep
 */
export interface Source {
  fetch(request: FetchRequest): Promise<Fetched>;
}

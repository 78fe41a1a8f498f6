import type { MediaAction } from './item.js';
import type { Kind } from './kinds.js';

/** Stored bytes and what is known of them. `sha256` (64 hex digits) names the blob. */
export interface Asset {
  readonly sha256: string;
  readonly bytes: number;
  readonly mimeType: string;
  readonly width?: number;
  readonly height?: number;
  /** False when the source ended its body by closing the connection, so that truncation could not be ruled out. */
  readonly lengthVerified: boolean;
}

/** Where the content came from and what the source called this state of it: what a later import asks with. */
export interface MediaSource {
  /** SHA-256 of the URL, in hex: validators mean something for one URL only, and URLs hold secrets. */
  readonly urlSha256: string;
  readonly etag?: string;
  readonly lastModified?: string;
}

/** A document of the `media` collection; `_id` is derived from (projectId, systemName, externalId). */
export interface Media {
  readonly _id: string;
  readonly projectId: string;
  readonly kind: Kind;
  readonly mediaType: string;
  readonly systemName: string;
  readonly externalId: string;
  readonly fileName: string;
  readonly metadata: Record<string, unknown>;
  readonly asset: Asset;
  /** Absent when it was stored by a version that did not keep it. */
  readonly source?: MediaSource;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  /** The batch that wrote the content, and what it did: a repeated attempt of the same batch reports the same. */
  readonly importId: string;
  readonly importAction: Exclude<MediaAction, 'unchanged'>;
  /** The newest batch that imported the pair; an older one is refused. */
  readonly importSeq: number;
}

import type { Readable } from 'node:stream';
import type { BlobWriter } from './blob-writer.js';

/**
 * Which body a part belongs to. Bytes may be put behind a part only when they are of the same representation, which a strong
 * ETag promises (RFC 9110 section 8.8.1). A part belongs to the attempt that resumed it last: the writes and the commit of one
 * before it, which was taken for dead, fail as storage_failed, and its end does no harm. Where it still gets a write in, the same
 * ETag has made it the same bytes at the same place.
 */
export interface PartIdentity {
  /** The same for every attempt at one body: 1–200 characters of `A-Za-z0-9:_-`. */
  readonly key: string;
  /** A strong ETag as the source sent it, quotes included. */
  readonly etag: string;
  /** Length of the whole body in bytes. */
  readonly total: number;
  /** How often the body had to be begun again because it had changed. */
  readonly restarts: number;
  /** Type and subtype that the source announced with the first bytes: a 206 need not repeat them (RFC 9110 section 15.3.7). */
  readonly contentType?: string;
}

/** What an earlier attempt left behind. */
export interface KeptPart extends PartIdentity {
  /** Durable bytes from the beginning, at most `total`. */
  readonly kept: number;
  /** Streams the kept bytes: an attempt that resumes has to hash them again. */
  read(): Promise<Readable>;
  /** A writer that goes on behind the kept bytes. Takes the part away from every attempt before. */
  resume(): Promise<BlobWriter>;
  /** Drops it. Never throws. */
  drop(): Promise<void>;
}

/** Something that belongs to a body which is, or was, arriving. */
export interface StoredPart {
  /** Names it for `removePart`; of no meaning to anybody but the store. */
  readonly name: string;
  readonly bytes: number;
  /** When it last grew. */
  readonly modifiedAt: Date;
}

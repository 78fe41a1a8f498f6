import type { Readable } from 'node:stream';

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

/** A place for a body that is still arriving. Exactly one of `commit`, `suspend` and `discard` ends it. */
export interface BlobWriter {
  /** Bytes from the beginning that another attempt would find after a crash now; 0 for a writer without a part. */
  readonly kept: number;
  /** Appends; resolves when more may be written (backpressure). */
  write(chunk: Uint8Array): Promise<void>;
  /**
   * Makes what was written durable under its SHA-256 (64 hex digits, computed by the caller over the same bytes).
   * Create-if-absent: when the blob exists already the new copy is dropped and the old one stands, looking new to garbage
   * collection.
   */
  commit(sha256: string): Promise<{ readonly created: boolean }>;
  /** Ends the writer and keeps as much of its part as can be made durable; without a part it discards. Never throws. */
  suspend(): Promise<void>;
  /** Drops what was written, its part too. Never throws. */
  discard(): Promise<void>;
}

export interface BlobStat {
  readonly bytes: number;
  readonly modifiedAt: Date;
}

export interface StoredBlob extends BlobStat {
  readonly sha256: string;
}

/**
 * Content-addressed storage. All errors are `ImportError('storage_failed')` with stage `store`. Implementations pass the one
 * contract suite in test/support/blob-store-contract.ts.
 */
export interface BlobStore {
  /**
   * @param bytesHint announced length, for choosing part sizes; null when unknown.
   * @param part given when the body may be continued by a later attempt; a part kept under the same key before is forgotten.
   */
  createWriter(bytesHint: number | null, part?: PartIdentity): Promise<BlobWriter>;
  /** The part that an earlier attempt kept under the key; null when there is none that can be continued. */
  findPart(key: string): Promise<KeptPart | null>;
  /** Removes what was kept under the key, also what could not be continued; what is not there is removed already. */
  forgetPart(key: string): Promise<void>;
  stat(sha256: string): Promise<BlobStat | null>;
  /** Streams a blob or an inclusive byte range of it; null when there is none. */
  read(sha256: string, range?: { readonly start: number; readonly end: number }): Promise<Readable | null>;
  /** Every blob, in no order, listed as the consumer asks. */
  listBlobs(): AsyncIterable<StoredBlob>;
  /** Removes a blob; one that is not there is removed already. Only garbage collection does this. */
  remove(sha256: string): Promise<void>;
  /** Everything that belongs to bodies that are or were arriving: part files and their notes, multipart uploads. */
  listParts(): AsyncIterable<StoredPart>;
  /** Removes what `listParts` named; what is not there is removed already. */
  removePart(name: string): Promise<void>;
  /** Throws when the store cannot be written to now; asked by readiness checks. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

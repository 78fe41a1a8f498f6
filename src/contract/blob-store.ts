import type { Readable } from 'node:stream';
import type { KeptPart, PartIdentity, StoredPart } from './blob-part.js';
import type { BlobWriter } from './blob-writer.js';

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

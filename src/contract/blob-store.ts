import type { Readable } from 'node:stream';

export interface BlobStat {
  readonly bytes: number;
  readonly modifiedAt: Date;
}

/** A place for a body that is still arriving. Exactly one of `commit` and `discard` ends it. */
export interface BlobWriter {
  /** Appends; resolves when more may be written (backpressure). */
  write(chunk: Uint8Array): Promise<void>;
  /**
   * Makes what was written durable under its SHA-256 (64 hex digits, computed by the caller over the same bytes).
   * Create-if-absent: when the blob exists already the new copy is dropped and the old one stands.
   */
  commit(sha256: string): Promise<{ readonly created: boolean }>;
  /** Drops what was written. Never throws. */
  discard(): Promise<void>;
}

/**
 * Content-addressed storage. All errors are `ImportError('storage_failed')` with stage `store`. Implementations pass the one
 * contract suite in test/support/blob-store-contract.ts.
 */
export interface BlobStore {
  /** @param bytesHint announced length, for choosing part sizes; null when unknown. */
  createWriter(bytesHint: number | null): Promise<BlobWriter>;
  stat(sha256: string): Promise<BlobStat | null>;
  /** Streams a blob or an inclusive byte range of it; null when there is none. */
  read(sha256: string, range?: { readonly start: number; readonly end: number }): Promise<Readable | null>;
  /** Throws when the store cannot be written to now; asked by readiness checks. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

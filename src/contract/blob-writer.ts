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

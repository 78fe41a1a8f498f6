import type { BlobWriter } from '../blobs/blob-store.js';
import { ImportError } from '../domain/errors.js';
import type { Encoding } from './decode-body.js';
import { NeedsOwnActivity, type FetchProgress, type FetchRequest } from './source.js';

/** What is known of a body before it arrives. */
interface Announced {
  /** Bytes before those of this body that an earlier attempt has received. */
  readonly offset: number;
  /** Announced wire bytes of the whole body, the earlier ones among them; null when unknown. */
  readonly total: number | null;
  readonly encoding: Encoding;
  /** Tells states of the file apart, see `FetchProgress`. */
  readonly etag: string | undefined;
}

/**
 * How far one body has come: what `receiveBody` takes off the wire and `storeBody` writes, and what a failure tells about both. Each
 * body has one of its own.
 */
export class Reception {
  /** Wire bytes of this body so far. */
  received = 0;
  /** Where the body goes, once its first bytes were judged. */
  writer: BlobWriter | undefined;
  readonly offset: number;
  readonly total: number | null;
  readonly encoding: Encoding;
  readonly signal: AbortSignal;

  /** @param maxBytes largest body, as announced, as received and as decoded */
  constructor(
    private readonly request: Pick<
      FetchRequest,
      'signal' | 'inlineBytes' | 'mayKeepPlace' | 'onProgress' | 'onArrived'
    >,
    private readonly maxBytes: number,
    private readonly announced: Announced,
  ) {
    this.offset = announced.offset;
    this.total = announced.total;
    this.encoding = announced.encoding;
    this.signal = request.signal;
  }

  /** Wire bytes of the whole body so far, those of earlier attempts among them. */
  get arrived(): number {
    return this.offset + this.received;
  }

  /** Counts a chunk, before anything is made of it. */
  add(chunk: Buffer): void {
    this.received += chunk.byteLength;
    this.request.onProgress?.(this.progress());
  }

  /** The source has sent all of it. */
  end(): void {
    this.request.onArrived?.();
  }

  /**
   * Holds announced, received and decoded sizes alike against both limits.
   * @throws ImportError too_large; NeedsOwnActivity large
   */
  checkSize(bytes: number): void {
    const { inlineBytes, mayKeepPlace } = this.request;
    if (bytes > this.maxBytes) {
      throw new ImportError('too_large', `The file is larger than ${this.maxBytes} bytes, the limit`, {
        stage: 'body',
      });
    }
    if (inlineBytes !== undefined && bytes > inlineBytes && mayKeepPlace?.() !== true)
      throw new NeedsOwnActivity('large');
  }

  private progress(): FetchProgress {
    const { total, etag } = this.announced;
    return {
      offset: this.writer?.kept ?? this.offset,
      received: this.received,
      ...(total === null ? {} : { total }),
      ...(etag === undefined ? {} : { etag }),
    };
  }
}

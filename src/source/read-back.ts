import { createHash, type Hash } from 'node:crypto';
import { addAbortSignal } from 'node:stream';
import type { KeptPart } from '../contract/blob-part.js';
import type { FetchRequest } from '../contract/source.js';
import { HEAD_BYTES } from './head-bytes.js';
import { etagFingerprint } from './validators.js';

/** A kept part whose bytes have been read: what is to come goes on with its hash and its head. */
export interface ReadPart {
  readonly part: KeptPart;
  /** Over the kept bytes. */
  readonly hash: Hash;
  /** The first 64 KiB, or all of a smaller part. */
  readonly head: Buffer;
}

/**
 * Reads a part before its rest is asked for: hashing tens of gigabytes takes longer than servers wait for a client to take the
 * next bytes. A part that cannot be read is dropped.
 * @returns null when there is nothing to go on from
 * @throws the reason of an aborted signal
 */
export async function readBack(
  part: KeptPart,
  { signal, onProgress }: Pick<FetchRequest, 'signal' | 'onProgress'>,
): Promise<ReadPart | null> {
  if (part.kept === 0) return null;
  const hash = createHash('sha256');
  const progress = { offset: part.kept, received: 0, total: part.total, etag: etagFingerprint(part.etag) };
  const heads: Buffer[] = [];
  let read = 0;
  try {
    for await (const chunk of addAbortSignal(signal, await part.read()) as AsyncIterable<Buffer>) {
      if (read < HEAD_BYTES) heads.push(chunk);
      read += chunk.byteLength;
      hash.update(chunk);
      onProgress?.(progress);
    }
  } catch {
    signal.throwIfAborted();
    read = -1;
  }
  if (read === part.kept) return { part, hash, head: Buffer.concat(heads).subarray(0, HEAD_BYTES) };
  await part.drop();
  return null;
}

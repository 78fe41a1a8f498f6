import { createHash, type Hash } from 'node:crypto';
import { addAbortSignal } from 'node:stream';
import type { KeptPart } from '../contract/blob-part.js';
import type { FetchRequest } from '../contract/source.js';
import { type Inspection, inspectContent } from './inspect-content.js';
import { etagFingerprint } from './validators.js';

/** A kept part whose bytes have been read: what is to come goes on with its hash and its inspection. */
export interface ReadPart {
  readonly part: KeptPart;
  /** Over the kept bytes. */
  readonly hash: Hash;
  /** Has been shown the kept bytes. One that has refused them refuses the rest, too. */
  readonly inspection: Inspection;
}

/**
 * Reads a part before its rest is asked for: hashing tens of gigabytes takes longer than servers wait for a client to take the
 * next bytes. A part that cannot be read is dropped.
 * @returns null when there is nothing to go on from
 * @throws the reason of an aborted signal
 */
export async function readBack(part: KeptPart, request: FetchRequest): Promise<ReadPart | null> {
  if (part.kept === 0) return null;
  const { signal, onProgress } = request;
  const inspection = inspectContent(part.contentType, request);
  const hash = createHash('sha256');
  const progress = { offset: part.kept, received: 0, total: part.total, etag: etagFingerprint(part.etag) };
  let read = 0;
  try {
    for await (const chunk of addAbortSignal(signal, await part.read()) as AsyncIterable<Buffer>) {
      if (!inspection.settled) await inspection.add(chunk).catch(() => undefined);
      read += chunk.byteLength;
      hash.update(chunk);
      onProgress?.(progress);
    }
  } catch {
    signal.throwIfAborted();
    read = -1;
  }
  if (read === part.kept) return { part, hash, inspection };
  await part.drop();
  return null;
}

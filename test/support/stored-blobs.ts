import { createHash, randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { KeptPart, PartIdentity, BlobStore, BlobWriter } from '../../src/blobs/blob-store.js';

export const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Cuts a body into odd pieces, empty ones among them. */
function* oddChunks(body: Buffer): Generator<Buffer> {
  const sizes = [0, 1, 65_537, 131, 999_983, 0, 16_384, 7];
  for (let at = 0, turn = 0; at < body.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1;
    yield body.subarray(at, at + size);
    at += size;
  }
}

export async function writeAll(writer: BlobWriter, body: Buffer): Promise<void> {
  for (const chunk of oddChunks(body)) await writer.write(chunk);
}

/** Writes and commits; answers the name. */
export async function storeBlob(store: BlobStore, body: Buffer): Promise<{ sha256: string; created: boolean }> {
  const writer = await store.createWriter(null);
  await writeAll(writer, body);
  const sha256 = sha256Of(body);
  return { sha256, ...(await writer.commit(sha256)) };
}

export async function bytesOf(stream: Readable | null): Promise<Buffer> {
  if (!stream) throw new Error('There is no such blob');
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** The identity of a body under a key that nothing else has. */
export function partOf(body: Buffer, changes: Partial<PartIdentity> = {}): PartIdentity {
  return { key: `item:${randomUUID()}`, etag: `"v1"`, total: body.length, restarts: 0, ...changes };
}

/** The part that must be there. */
export async function keptPart(store: BlobStore, key: string): Promise<KeptPart> {
  const part = await store.findPart(key);
  if (!part) throw new Error('There is no such part');
  return part;
}

export async function listed<T>(things: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const thing of things) all.push(thing);
  return all;
}

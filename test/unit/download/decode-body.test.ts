import { brotliCompressSync, createGzip, gzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { decodeBody } from '../../../src/download/decode-body.js';

const MIB = 1024 * 1024;

/** Zeros in gzip, made without holding them. */
async function gzippedZeros(bytes: number): Promise<Buffer> {
  const gzip = createGzip({ level: 9 });
  const zeros = Buffer.alloc(MIB);
  const feed = async () => {
    for (let left = bytes; left > 0; left -= MIB) {
      if (!gzip.write(zeros)) await new Promise((resolve) => gzip.once('drain', resolve));
    }
    gzip.end();
  };
  const [chunks] = await Promise.all([gzip.toArray() as Promise<Buffer[]>, feed()]);
  return Buffer.concat(chunks);
}

async function decode(body: Buffer, encoding: 'gzip' | 'br', pieceBytes = 4096) {
  let taken = 0;
  let decoded = 0;
  async function* wire(): AsyncGenerator<Buffer, void, undefined> {
    for (let at = 0; at < body.byteLength; at += pieceBytes) {
      taken = Math.min(body.byteLength, at + pieceBytes);
      yield await Promise.resolve(body.subarray(at, taken));
    }
  }
  let code: unknown;
  let peak = 0;
  try {
    for await (const chunk of decodeBody(wire(), encoding)) {
      decoded += chunk.byteLength;
      peak = Math.max(peak, process.memoryUsage().arrayBuffers);
    }
  } catch (error) {
    code = (error as { code?: unknown }).code;
  }
  return { code, taken, decoded, peak };
}

describe('decodeBody', () => {
  it('lets a small body expand as far as it likes: 270 KB out of less than a KiB', async () => {
    const rows = Buffer.from('id,name,price\n'.repeat(19_300));
    const body = gzipSync(rows);
    expect(body.byteLength).toBeLessThan(1024);
    expect(await decode(body, 'gzip')).toMatchObject({ code: undefined, decoded: rows.byteLength });
  });

  it.each<['gzip' | 'br', (body: Buffer) => Buffer]>([
    ['gzip', gzipSync],
    ['br', brotliCompressSync],
  ])('takes 8 MiB of zeros in %s, and not a byte more', async (encoding, pack) => {
    expect(await decode(pack(Buffer.alloc(8 * MIB)), encoding)).toMatchObject({ code: undefined, decoded: 8 * MIB });
    expect(await decode(pack(Buffer.alloc(8 * MIB + 1)), encoding)).toMatchObject({ code: 'unsupported_encoding' });
  });

  it('takes a large body below the ratio', async () => {
    const body = Buffer.alloc(20 * MIB, 'a');
    for (let at = 0; at < body.byteLength; at += 300)
      body.writeUInt32BE((at * 2_654_435_761) % 2 ** 32, Math.min(at, body.byteLength - 4));
    expect(await decode(gzipSync(body), 'gzip')).toMatchObject({ code: undefined, decoded: body.byteLength });
  });

  it('gives up a bomb of 256 MiB at 8 MiB, without taking the rest of it or holding what came', async () => {
    const bomb = await gzippedZeros(256 * MIB);
    const before = process.memoryUsage().arrayBuffers;
    const { code, taken, decoded, peak } = await decode(bomb, 'gzip');
    expect(code).toBe('unsupported_encoding');
    expect(decoded).toBeLessThanOrEqual(8 * MIB);
    expect(taken).toBeLessThan(bomb.byteLength / 2);
    expect(peak - before).toBeLessThan(16 * MIB);
  });
});

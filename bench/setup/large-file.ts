import { createHash, randomBytes } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import { listenOnLoopback, type LoopbackServer } from '../../src/local-stack/ports.js';

const BLOCK_BYTES = 1024 * 1024;
// ftyp box of an MP4 (ISO/IEC 14496-12 section 4.3): enough for the type check.
const HEAD = Buffer.from('000000206674797069736f6d0000020069736f6d69736f32617663316d703431', 'hex');

export interface LargeFile extends LoopbackServer {
  readonly sha256: string;
  /** Body bytes handed to sockets so far, those in the buffers of a killed client's connection among them. */
  served(): number;
}

/** Serves one file of so many MiB, no two of them alike, with ranges and a strong ETag; it is made as it goes. */
export async function serveLargeFile(mib: number): Promise<LargeFile> {
  const filling = randomBytes(BLOCK_BYTES);
  const etag = '"large-file"';
  const total = mib * BLOCK_BYTES;
  let served = 0;

  function block(index: number): Buffer {
    const bytes = Buffer.from(filling);
    bytes.writeUInt32BE(index, 64);
    if (index === 0) HEAD.copy(bytes);
    return bytes;
  }

  function send(response: ServerResponse, from: number): void {
    let at = from;
    const pump = (): void => {
      while (at < total && !response.destroyed) {
        const piece = block(Math.floor(at / BLOCK_BYTES)).subarray(at % BLOCK_BYTES);
        at += piece.byteLength;
        served += piece.byteLength;
        if (!response.write(piece)) {
          response.once('drain', pump);
          return;
        }
      }
      response.end();
    };
    pump();
  }

  const server = createServer((request, response) => {
    const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const rest = { 'content-type': 'video/mp4', 'content-length': total - start, 'accept-ranges': 'bytes', etag };
    if (start === 0) response.writeHead(200, rest);
    else response.writeHead(206, { ...rest, 'content-range': `bytes ${start}-${total - 1}/${total}` });
    send(response, start);
  });
  const hash = createHash('sha256');
  for (let index = 0; index < mib; index += 1) hash.update(block(index));
  return { ...(await listenOnLoopback(server)), sha256: hash.digest('hex'), served: () => served };
}

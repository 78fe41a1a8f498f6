import { fork } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { listenOnLoopback, type LoopbackServer } from '../../src/local-stack/ports.js';
import { isMainModule } from './processes.js';

/* What the benchmarks import from: many small files, served by a process of its own, or one large file. */

/** The ftyp box of an MP4 (ISO/IEC 14496-12 section 4.3): enough for the type check. */
const MP4_HEAD = Buffer.from('000000206674797069736f6d0000020069736f6d69736f32617663316d703431', 'hex');

export interface BenchOrigin {
  /** Without a slash at its end. */
  readonly origin: string;
  readonly pid: number;
  /** Bytes that it has sent so far, headers included. */
  sent(): Promise<number>;
  close(): void;
}

/** Starts the origin in a process of its own, so that serving takes nothing from the event loop of a contender. */
export async function startOrigin(): Promise<BenchOrigin> {
  const child = fork(fileURLToPath(import.meta.url));
  const [origin] = (await once(child, 'message')) as [string];
  if (child.pid === undefined) throw new Error('The origin has no process id');
  return {
    origin,
    pid: child.pid,
    async sent() {
      child.send('sent');
      const [bytes] = (await once(child, 'message')) as [number];
      return bytes;
    },
    close: () => {
      if (child.connected) child.disconnect();
    },
  };
}

/** Room for what makes a body its path's own. */
const OWN_BYTES = 64;

/**
 * The process of `startOrigin`: `/<bytes>/<anything>` answers with a body of that size that starts like an MP4 and is different for
 * every path. Each file has a strong ETag, and a request that names it is answered 304. A message `sent` is answered with the bytes
 * that all connections have sent so far, headers included.
 */
async function serveSmallFiles(): Promise<void> {
  const fillings = new Map<number, Buffer>();
  const fillingOf = (bytes: number): Buffer => {
    const known = fillings.get(bytes) ?? randomBytes(Math.max(0, bytes - MP4_HEAD.length - OWN_BYTES));
    fillings.set(bytes, known);
    return known;
  };
  const server = createServer((request, response) => {
    const path = request.url ?? '/';
    const etag = `"${createHash('sha256').update(path).digest('hex')}"`;
    if (request.headers['if-none-match'] === etag) {
      response.writeHead(304, { etag }).end();
      return;
    }
    const filling = fillingOf(Number(path.split('/')[1]));
    const start = Buffer.concat([MP4_HEAD, Buffer.alloc(OWN_BYTES, path)]);
    response.writeHead(200, { 'content-type': 'video/mp4', 'content-length': start.length + filling.length, etag });
    // One write to the socket, and no copy of the filling.
    response.cork();
    response.write(start);
    response.end(filling);
  });
  let sent = 0;
  const open = new Set<Socket>();
  server.on('connection', (socket) => {
    open.add(socket);
    socket.on('close', () => {
      open.delete(socket);
      sent += socket.bytesWritten;
    });
  });
  process.on('message', () => {
    process.send?.([...open].reduce((sum, { bytesWritten }) => sum + bytesWritten, sent));
  });
  const { origin } = await listenOnLoopback(server);
  process.send?.(origin);
  process.once('disconnect', () => process.exit());
}

const BLOCK_BYTES = 1024 * 1024;

export interface LargeFile extends LoopbackServer {
  readonly sha256: string;
  /** Body bytes handed to sockets so far, those in the buffers of a killed client's connection among them. */
  served(): number;
}

/** Serves one file of so many MiB, different in every run, with ranges and a strong ETag; its bytes are made as they are sent. */
export async function serveLargeFile(mib: number): Promise<LargeFile> {
  const filling = randomBytes(BLOCK_BYTES);
  const etag = '"large-file"';
  const total = mib * BLOCK_BYTES;
  let served = 0;

  function block(index: number): Buffer {
    const bytes = Buffer.from(filling);
    bytes.writeUInt32BE(index, 64);
    if (index === 0) MP4_HEAD.copy(bytes);
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

if (isMainModule(import.meta.url)) await serveSmallFiles();

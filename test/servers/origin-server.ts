import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';

/** A request that the origin saw, in the order of arrival. */
interface OriginRequest {
  readonly method: string;
  /** Path with query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly at: number;
}

export type OriginHandler = (request: IncomingMessage, response: ServerResponse) => void;

export interface Origin {
  /** Without a slash at the end. */
  readonly url: string;
  readonly port: number;
  readonly requests: readonly OriginRequest[];
  /** Serves a path (without query) from now on. Answers its URL. */
  route(path: string, handler: OriginHandler): string;
  /** Connections that are open now. */
  openSockets(): number;
  close(): Promise<void>;
}

/**
 * A real HTTP server whose paths behave as told; an unknown path is a 404. `answers` has the behaviours.
 * @param host 127.0.0.1 by default; another loopback address stands for a forbidden server
 */
export async function startOrigin(host = '127.0.0.1'): Promise<Origin> {
  const routes = new Map<string, OriginHandler>();
  const requests: OriginRequest[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    const path = request.url ?? '/';
    requests.push({ method: request.method ?? 'GET', path, headers: request.headers, at: Date.now() });
    const handler = routes.get(path.split('?')[0] ?? path) ?? answers.status(404);
    handler(request, response);
  });
  // Peers hang up in the middle by design.
  server.on('clientError', (_error, socket) => socket.destroy());
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const { port } = server.address() as AddressInfo;
  const url = `http://${host}:${port}`;
  return {
    url,
    port,
    requests,
    route(path, handler) {
      routes.set(path, handler);
      return `${url}${path}`;
    },
    openSockets: () => sockets.size,
    async close() {
      const closed = new Promise<void>((resolve) =>
        server.close(() => {
          resolve();
        }),
      );
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

interface Content {
  /** Content-Type; none is sent without it. */
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

type Ending = 'end' | 'reset' | 'stall';

const MIB = 1024 * 1024;

function headersOf({ type, headers }: Content): Record<string, string> {
  return { ...(type === undefined ? {} : { 'content-type': type }), ...headers };
}

/** Longer than a test blocks its event loop, and well within the limits of silence. */
const RESET_AFTER_MS = 500;

/** Writes past Node's HTTP layer, which would not lie: the header block as given, then the bytes, then the ending. */
function raw(headers: Readonly<Record<string, string>>, bytes: Uint8Array, ending: Ending): OriginHandler {
  return (_request, response) => {
    const { socket } = response;
    if (!socket) return;
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(`HTTP/1.1 200 OK\r\n${lines.join('')}\r\n`);
    socket.write(bytes, () => {
      if (ending === 'end') socket.end();
      // Only after the peer, on a busy machine, had time to read: libuv reports a reset that comes with the last bytes as a plain end.
      if (ending === 'reset') setTimeout(() => socket.resetAndDestroy(), RESET_AFTER_MS);
    });
  };
}

/** Calls `step` until the connection is gone or `step` answers false. */
function every(ms: number, response: ServerResponse, step: () => boolean): void {
  const timer = setInterval(() => {
    if (!step()) clearInterval(timer);
  }, ms);
  response.on('close', () => {
    clearInterval(timer);
  });
}

function encode(body: Uint8Array, encoding: 'gzip' | 'deflate' | 'deflate-raw' | 'br'): Buffer {
  if (encoding === 'gzip') return gzipSync(body);
  if (encoding === 'deflate') return deflateSync(body);
  if (encoding === 'deflate-raw') return deflateRawSync(body);
  return brotliCompressSync(body);
}

/** What a path can do. Bodies go out under `content.type`, without a Content-Type when there is none. */
export const answers = {
  /** A good file with its length. */
  file(body: Uint8Array, content: Content = {}): OriginHandler {
    return (_request, response) => {
      response.writeHead(200, { ...headersOf(content), 'content-length': body.byteLength });
      response.end(body);
    };
  },

  /** A good file as a 206 of all its bytes, whatever was asked for. */
  wholeAsPart(body: Uint8Array, content: Content = {}): OriginHandler {
    return (_request, response) => {
      const range = `bytes 0-${body.byteLength - 1}/${body.byteLength}`;
      response.writeHead(206, { ...headersOf(content), 'content-length': body.byteLength, 'content-range': range });
      response.end(body);
    };
  },

  /** A good file in chunks, without a length. */
  chunked(body: Uint8Array, content: Content = {}): OriginHandler {
    return (_request, response) => {
      response.writeHead(200, headersOf(content));
      response.write(body.subarray(0, body.byteLength / 2));
      response.end(body.subarray(body.byteLength / 2));
    };
  },

  status(status: number, headers: Readonly<Record<string, string>> = {}, body = 'not the file'): OriginHandler {
    return (_request, response) => {
      response.writeHead(status, { 'content-type': 'text/plain', ...headers });
      response.end(body);
    };
  },

  redirect(to: string, status = 302): OriginHandler {
    return answers.status(status, { location: to });
  },

  /** Fails so many times, then does as `then`. */
  flaky(
    then: OriginHandler,
    { failures = 2, status = 503, retryAfter = undefined as string | undefined } = {},
  ): OriginHandler {
    let seen = 0;
    const failure = answers.status(status, retryAfter === undefined ? {} : { 'retry-after': retryAfter });
    return (request, response) => {
      seen += 1;
      (seen <= failures ? failure : then)(request, response);
    };
  },

  /** Sends a body of known length in small pieces. */
  drip(
    body: Uint8Array,
    { bytes = 1, everyMs = 200, ...content }: Content & { bytes?: number; everyMs?: number } = {},
  ): OriginHandler {
    return (_request, response) => {
      response.writeHead(200, { ...headersOf(content), 'content-length': body.byteLength });
      response.flushHeaders();
      let sent = 0;
      every(everyMs, response, () => {
        response.write(body.subarray(sent, sent + bytes));
        sent += bytes;
        if (sent < body.byteLength) return true;
        response.end();
        return false;
      });
    };
  },

  /** Accepts the request and never answers. */
  stallBeforeHeaders(): OriginHandler {
    return () => undefined;
  },

  /** Announces a MiB, sends `body` (nothing by default) and falls silent. */
  stallAfterHeaders(body: Uint8Array = Buffer.alloc(0), content: Content = {}): OriginHandler {
    return raw({ ...headersOf(content), 'content-length': String(MIB) }, body, 'stall');
  },

  /** Closes before the announced length (twice the body by default). */
  truncated(
    body: Uint8Array,
    {
      announced = body.byteLength * 2,
      reset = false,
      ...content
    }: Content & { announced?: number; reset?: boolean } = {},
  ): OriginHandler {
    return raw({ ...headersOf(content), 'content-length': String(announced) }, body, reset ? 'reset' : 'end');
  },

  /** Closes without the last chunk. */
  chunkedTruncated(body: Uint8Array, content: Content = {}): OriginHandler {
    const chunk = Buffer.concat([Buffer.from(`${body.byteLength.toString(16)}\r\n`), body, Buffer.from('\r\n')]);
    return raw({ ...headersOf(content), 'transfer-encoding': 'chunked' }, chunk, 'end');
  },

  /** Breaks the grammar of chunks after the first one. */
  chunkedBroken(body: Uint8Array, content: Content = {}): OriginHandler {
    const chunk = Buffer.concat([Buffer.from(`${body.byteLength.toString(16)}\r\n`), body, Buffer.from('\r\nzz\r\n')]);
    return raw({ ...headersOf(content), 'transfer-encoding': 'chunked' }, chunk, 'end');
  },

  /** Neither length nor chunks: the body ends with the connection, or is cut off by a reset. */
  closeDelimited(body: Uint8Array, { reset = false, ...content }: Content & { reset?: boolean } = {}): OriginHandler {
    return raw({ ...headersOf(content), connection: 'close' }, body, reset ? 'reset' : 'end');
  },

  /** Announces fewer bytes than it sends (half of them by default). */
  understated(
    body: Uint8Array,
    { announced = body.byteLength >> 1, ...content }: Content & { announced?: number } = {},
  ): OriginHandler {
    return raw({ ...headersOf(content), 'content-length': String(announced) }, body, 'end');
  },

  /** Encodes the body whether asked to or not; with `whenAsked` only for clients whose Accept-Encoding names the coding. */
  encoded(
    body: Uint8Array,
    {
      encoding = 'gzip',
      whenAsked = false,
      ...content
    }: Content & { encoding?: 'gzip' | 'deflate' | 'deflate-raw' | 'br'; whenAsked?: boolean } = {},
  ): OriginHandler {
    const name = encoding.replace('-raw', '');
    const plain = answers.file(body, content);
    const packed = answers.file(encode(body, encoding), {
      ...content,
      headers: { ...content.headers, 'content-encoding': name },
    });
    return (request, response) => {
      const asked = (request.headers['accept-encoding'] ?? '').includes(name);
      (whenAsked && !asked ? plain : packed)(request, response);
    };
  },

  /** Zeros that gzip makes about a thousand times smaller, behind `head`. */
  gzipBomb(head: Uint8Array = Buffer.alloc(0), bytes = 10 * MIB, content: Content = {}): OriginHandler {
    return answers.encoded(Buffer.concat([head, Buffer.alloc(bytes)]), content);
  },

  hugeHeader(bytes = 20_000): OriginHandler {
    return answers.file(Buffer.from('x'), { headers: { 'x-large': 'x'.repeat(bytes) } });
  },

  /** Something that is not HTTP. */
  garbage(): OriginHandler {
    return (_request, response) => {
      response.socket?.end('SSH-2.0-OpenSSH_9.2\r\n');
    };
  },

  /** A login page under the status of success. */
  htmlPage(type = 'text/html; charset=utf-8'): OriginHandler {
    return answers.file(Buffer.from('\n<!DOCTYPE html><html><head><title>Sign in</title></head><body></body></html>'), {
      type,
    });
  },

  empty(content: Content = {}): OriginHandler {
    return answers.file(Buffer.alloc(0), content);
  },

  /** `head`, then zeros up to `bytes`, as fast as the client takes them, made as they go; chunked unless `announce`. */
  large(
    bytes: number,
    { head = Buffer.alloc(0), announce = true, ...content }: Content & { head?: Uint8Array; announce?: boolean } = {},
  ): OriginHandler {
    const zeros = Buffer.alloc(64 * 1024);
    return (_request, response) => {
      response.writeHead(200, { ...headersOf(content), ...(announce ? { 'content-length': bytes } : {}) });
      response.write(head);
      let left = bytes - head.byteLength;
      const pump = (): void => {
        while (left > 0 && !response.destroyed) {
          const piece = zeros.subarray(0, Math.min(left, zeros.byteLength));
          left -= piece.byteLength;
          if (!response.write(piece)) {
            response.once('drain', pump);
            return;
          }
        }
        response.end();
      };
      pump();
    };
  },

  /** Never ends, in chunks. */
  endless(content: Content & { head?: Uint8Array } = {}): OriginHandler {
    return answers.large(Number.MAX_SAFE_INTEGER, { ...content, announce: false });
  },
};

import { randomUUID } from 'node:crypto';
import {
  STATUS_CODES,
  createServer,
  type ServerResponse,
  type IncomingMessage,
  type RequestListener,
  type Server,
} from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createOneAtATime, startDeadline } from './connections.js';

/** Answers to requests with `Expect: 100-continue` whose bodies have not been requested, and whether their connection is kept. */
const heldBack = new WeakMap<ServerResponse, boolean>();

/**
 * Notes that the client waits for a sign before it sends its body. An answer without that sign ends the connection: the client may
 * send the body all the same, or not, and what follows on the connection would be ambiguous (RFC 9110 section 10.1.1).
 */
function holdBack(response: ServerResponse): void {
  heldBack.set(response, response.shouldKeepAlive);
  response.shouldKeepAlive = false;
}

/** Asks for the body of a client that waits for it; to be called once the request is known to be welcome. */
export function letContinue(response: ServerResponse): void {
  const isKept = heldBack.get(response);
  if (isKept === undefined) return;
  heldBack.delete(response);
  response.shouldKeepAlive = isKept;
  response.writeContinue();
}

/** Answers to what Node's parser refuses before any route sees it. */
const STATUSES: Readonly<Record<string, number>> = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 };

/** Answers a request that is not HTTP, too slow or has too many headers, in the published form, and closes. */
function refuseBadRequest(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const status = STATUSES[error.code ?? ''] ?? 400;
  const { headers, body } = refusal(status);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  socket.end(`${[`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`, ...lines].join('\r\n')}\r\n\r\n${body}`);
}

/** Answers a request that was parsed but is no HTTP/1.1, in the same form, and closes. */
function answerBadRequest(response: ServerResponse): void {
  const { headers, body } = refusal(400);
  response.writeHead(400, headers).end(body);
}

function refusal(status: number): { headers: Readonly<Record<string, string>>; body: string } {
  const details = { request: 'The request could not be read' };
  const body = JSON.stringify({ status, error: STATUS_CODES[status], error_details: details });
  const headers = {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': String(Buffer.byteLength(body)),
    'X-Content-Type-Options': 'nosniff',
    'Cache-Control': 'no-store',
    'X-Request-Id': randomUUID(),
    Connection: 'close',
  };
  return { headers, body };
}

export interface ListenOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** The environment variable that sets the port, named when it is taken. */
  readonly portVariable: string;
  /** A connection on which no byte has moved for so long is cut. */
  readonly silenceMs?: number;
  /** An unread body must have ended after this. */
  readonly requestMs?: number;
  /** Further connections are closed as soon as they are made; not limited when absent. */
  readonly maxConnections?: number;
  /** An answer of which the client has taken nothing for so long is cut off. */
  readonly readerMs?: number;
  /** Limit for the head of a request, and how often it is looked at. */
  readonly headMs?: number;
  readonly lookMs?: number;
}

export interface Listening {
  /** `http://host:port` as bound. */
  readonly origin: string;
  readonly port: number;
  /** Takes no new connections, lets running requests end for up to `graceMs`, then cuts the rest. */
  close(graceMs: number): Promise<void>;
}

/** 16 MiB at 1 Mbit/s take 134 s; a client slower than half of that, whose body is not being read, holds a socket for nothing. */
const REQUEST_TIMEOUT_MS = 300_000;
/** Headers fit one packet or two; slow ones are an attack (slowloris). */
export const HEADERS_TIMEOUT_MS = 15_000;
/** How late a limit of a connection may be noticed. Node's own 30 s would make 45 of the 15 above. */
const LOOK_MS = 5_000;
/** What nginx gives a reader by default (`send_timeout`). Any line that is of use takes 64 KiB in that time. */
export const READER_MS = 60_000;
/** Longer than the 60 s of common load balancers, so that they and not we close an idle connection. */
export const KEEP_ALIVE_TIMEOUT_MS = 65_000;
/** No answer is silent for two minutes. */
const SILENCE_MS = 120_000;

/**
 * Serves over HTTP until closed.
 * @throws Error that names host:port and the variable to change when the port is taken
 */
export async function listen(handler: RequestListener, options: ListenOptions): Promise<Listening> {
  const { host, port, portVariable, silenceMs = SILENCE_MS, requestMs = REQUEST_TIMEOUT_MS } = options;
  const { maxConnections, readerMs = READER_MS, headMs = HEADERS_TIMEOUT_MS, lookMs = LOOK_MS } = options;
  const oneAtATime = createOneAtATime(() => {
    // A connection that was kept alive must not outlast the request that was running when the server was closed.
    if (!server.listening) server.closeIdleConnections();
  });
  const server = createServer(
    {
      // Node knows one limit for all requests; a batch that comes line by line may take hours.
      requestTimeout: 0,
      headersTimeout: headMs,
      connectionsCheckingInterval: lookMs,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      // Node would answer without a body; see below.
      requireHostHeader: false,
    },
    (request, response) => {
      oneAtATime.begin(request, response, () => {
        if (!isProper(request)) {
          answerBadRequest(response);
          return;
        }
        startDeadline(request, requestMs, () => {
          if (response.headersSent) request.socket.destroy();
          else
            refuseBadRequest(
              Object.assign(new Error('too slow'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }),
              request.socket,
            );
        });
        handler(request, response);
      });
    },
  );
  if (maxConnections !== undefined) server.maxConnections = maxConnections;
  server.setTimeout(silenceMs);
  const readers = watchReaders(readerMs);
  const look = setInterval(readers.look, Math.min(lookMs, readerMs)).unref();
  server.on('connection', (socket: Socket) => {
    oneAtATime.attach(socket);
    readers.add(socket);
  });
  server.on('close', () => {
    clearInterval(look);
  });
  // RFC 9110 section 10.1.1: an expectation that is unknown may be passed over. Node would answer 417 without a body.
  server.on('checkExpectation', (request, response) => server.emit('request', request, response));
  // Node would ask any client for its body; `letContinue` does so only once the token has been verified.
  server.on('checkContinue', (request, response) => {
    holdBack(response);
    server.emit('request', request, response);
  });
  server.on('clientError', refuseBadRequest);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(error.code === 'EADDRINUSE' ? portTaken(`${host}:${port}`, portVariable, error) : error);
    });
    server.listen(port, host, resolve);
  });
  const bound = (server.address() as AddressInfo).port;
  const name = host.includes(':') ? `[${host}]` : host;
  return { origin: `http://${name}:${bound}`, port: bound, close: (graceMs) => drain(server, graceMs) };
}

/** RFC 9112 sections 2.3 and 3.2: HTTP/1.x, and exactly one Host in 1.1, so that nothing in front of us reads another one. */
function isProper({ httpVersionMajor, httpVersion, rawHeaders }: IncomingMessage): boolean {
  const hosts = rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host').length;
  return httpVersionMajor === 1 && (hosts === 1 || (hosts === 0 && httpVersion === '1.0'));
}

/** Cuts off the connections whose client takes nothing of what is being sent. */
function watchReaders(readerMs: number): { add: (socket: Socket) => void; look: () => void } {
  /** Bytes that the system had taken of each connection, and when it took the last of them. */
  const seen = new Map<Socket, { taken: number; at: number }>();
  return {
    add(socket) {
      seen.set(socket, { taken: 0, at: performance.now() });
      socket.once('close', () => seen.delete(socket));
    },
    look() {
      const now = performance.now();
      for (const [socket, before] of seen) {
        const taken = socket.bytesWritten - socket.writableLength;
        if (socket.writableLength === 0 || taken !== before.taken) seen.set(socket, { taken, at: now });
        else if (now - before.at >= readerMs) socket.destroy();
      }
    },
  };
}

function portTaken(address: string, variable: string, cause: Error): Error {
  return new Error(`${address} is in use already, set ${variable} to another port`, { cause });
}

async function drain(server: Server, graceMs: number): Promise<void> {
  const cut = setTimeout(() => {
    server.closeAllConnections();
  }, graceMs);
  try {
    await new Promise<void>((resolve, reject) => {
      // A kept-alive connection must not take another request.
      server.prependListener('request', (_request: IncomingMessage, response: ServerResponse) => {
        response.setHeader('Connection', 'close');
      });
      server.close((error) => {
        if (error === undefined) resolve();
        else reject(error);
      });
      server.closeIdleConnections();
    });
  } finally {
    clearTimeout(cut);
  }
}

import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startDeadline } from './request-deadline.js';
import { answerBadRequest, refuseBadRequest } from './refuse-bad-request.js';

export interface ListenOptions {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** The environment variable that sets the port, named when it is taken. */
  readonly portVariable: string;
  /** A connection on which no byte has moved for so long is cut. */
  readonly silenceMs?: number;
  /** A body that nobody reads has to be over after this. */
  readonly requestMs?: number;
}

export interface Listening {
  /** `http://host:port` as bound. */
  readonly origin: string;
  readonly port: number;
  /** Takes no new connections, lets running requests end for up to `graceMs`, then cuts the rest. */
  close(graceMs: number): Promise<void>;
}

/** 16 MiB at 1 Mbit/s take 134 s; a client slower than half of that, whose body nobody reads, holds a socket for nothing. */
const REQUEST_TIMEOUT_MS = 300_000;
/** Headers fit one packet or two; slow ones are an attack (slowloris). */
const HEADERS_TIMEOUT_MS = 15_000;
/** Longer than the 60 s of common load balancers, so that they and not we close an idle connection. */
const KEEP_ALIVE_TIMEOUT_MS = 65_000;
/** A client that stops reading a download must not hold a descriptor for ever; no answer is silent for two minutes. */
const SILENCE_MS = 120_000;

/**
 * Serves over HTTP until closed.
 * @throws Error that names host:port and the variable to change when the port is taken
 */
export async function listen(handler: RequestListener, options: ListenOptions): Promise<Listening> {
  const { host, port, portVariable, silenceMs = SILENCE_MS, requestMs = REQUEST_TIMEOUT_MS } = options;
  const server = createServer(
    {
      // Node knows one limit for all requests; a batch that comes line by line may take hours.
      requestTimeout: 0,
      headersTimeout: HEADERS_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      // Node would answer without a body; see below.
      requireHostHeader: false,
    },
    (request, response) => {
      // RFC 9112 section 3.2: HTTP/1.1 without Host is a 400.
      if (request.headers.host === undefined && request.httpVersion === '1.1') {
        answerBadRequest(response);
        return;
      }
      startDeadline(request, requestMs, () => {
        if (response.headersSent) request.socket.destroy();
        else
          refuseBadRequest(Object.assign(new Error('too slow'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }), request.socket);
      });
      handler(request, response);
    },
  );
  server.setTimeout(silenceMs);
  // RFC 9110 section 10.1.1: an expectation that is unknown may be passed over. Node would answer 417 without a body.
  server.on('checkExpectation', (request, response) => server.emit('request', request, response));
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

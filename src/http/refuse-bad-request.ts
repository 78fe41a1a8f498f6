import { randomUUID } from 'node:crypto';
import { STATUS_CODES, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

/** Answers to what Node's parser refuses before any route sees it. */
const STATUSES: Readonly<Record<string, number>> = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 };

/** Answers a request that is not HTTP, too slow or has too many headers, in the published form, and closes. */
export function refuseBadRequest(error: NodeJS.ErrnoException, socket: Duplex): void {
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
export function answerBadRequest(response: ServerResponse): void {
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

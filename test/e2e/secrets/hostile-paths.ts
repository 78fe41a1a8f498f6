import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { ReasonCode } from '../../../src/domain/errors.js';
import { SELF_SIGNED } from '../../integration/egress/self-signed.js';
import { answers, type Origin, type OriginHandler } from '../../servers/origin-server.js';
import { CANARIES } from './canaries.js';

const MIB = 1024 * 1024;

/** Headers that hold secrets, as any origin may send them. */
const HEADERS = {
  etag: `"${CANARIES.etag}"`,
  'last-modified': CANARIES.lastModified,
  'x-trace': CANARIES.header,
  'www-authenticate': `Basic realm="${CANARIES.header}"`,
  'set-cookie': `session=${CANARIES.header}`,
};
const TYPE = `text/${CANARIES.contentType}; charset=${CANARIES.contentType}`;
const BODY = Buffer.from(`${CANARIES.body} `.repeat(40));

/** Failures that may be the host's: `host-outcome.ts`. */
const TROUBLES: ReadonlySet<string> = new Set(['garbage', 'large-header', 'silent', '503', '429', 'nowhere']);

export interface HostilePath {
  readonly path: string;
  readonly end: ReasonCode | 'success';
  readonly url: string;
}

function failing(status: number, headers: Readonly<Record<string, string>> = {}): OriginHandler {
  return (_request, response) => {
    response.writeHead(status, CANARIES.statusText, { ...HEADERS, 'content-type': TYPE, ...headers });
    response.end(BODY);
  };
}

/** A large file that breaks off and is another one each time. */
function changing(): OriginHandler {
  let version = 0;
  return (_request, response) => {
    version += 1;
    const etag = `"${CANARIES.etag}-${version}"`;
    response.writeHead(200, { ...HEADERS, etag, 'content-type': 'text/plain', 'content-length': 9 * MIB });
    response.write(Buffer.alloc(4 * MIB, `${CANARIES.body} `), () => setTimeout(() => response.destroy(), 200));
  };
}

/**
 * What each path makes of an item: its end, as a code or as success.
 * @param ofItsOwn begins another origin, for paths that are trouble with their host: too many probes that fail end the waiting of
 * all items there
 */
export async function hostilePaths(origin: Origin, ofItsOwn: () => Promise<Origin>): Promise<readonly HostilePath[]> {
  const content = { type: TYPE, headers: HEADERS };
  const paths: readonly (readonly [string, ReasonCode | 'success', OriginHandler])[] = [
    ['good', 'success', answers.file(BODY, { type: 'text/plain', headers: HEADERS })],
    ['own-type', 'success', answers.file(BODY, content)],
    ['redirect', 'redirect_refused', answers.redirect(`http://127.0.0.2/${CANARIES.location}?${CANARIES.location}`)],
    ['scheme', 'redirect_refused', answers.redirect(`file:///${CANARIES.location}`)],
    ['userinfo', 'redirect_refused', answers.redirect(`http://u:${CANARIES.location}@cdn.example.com/`)],
    ['long', 'redirect_refused', answers.redirect(`/${CANARIES.location.repeat(500)}`)],
    ['loop', 'redirect_refused', answers.redirect(`/loop?${CANARIES.location}`)],
    ['nowhere', 'dns_failed', answers.redirect(`http://unknown.example.com/${CANARIES.location}`)],
    ['garbage', 'connect_failed', (_request, response) => response.socket?.end(`SSH-2.0-${CANARIES.body}\r\n\r\n`)],
    ['large-header', 'connect_failed', answers.file(BODY, { headers: { 'x-large': CANARIES.header.repeat(2000) } })],
    ['silent', 'timeout', answers.stallBeforeHeaders()],
    ['stalled', 'timeout', answers.stallAfterHeaders(BODY, content)],
    ['slow', 'too_slow', answers.drip(Buffer.concat([BODY, BODY, BODY]), { ...content, bytes: 10, everyMs: 300 })],
    ['401', 'http_401', failing(401)],
    ['403', 'http_403', failing(403)],
    ['404', 'http_404', failing(404)],
    ['410', 'http_410', failing(410)],
    ['418', 'http_4xx', failing(418)],
    ['503', 'http_5xx', failing(503, { 'retry-after': CANARIES.header })],
    ['429', 'rate_limited', failing(429, { 'retry-after': '0' })],
    ['cut', 'truncated', answers.truncated(BODY, { ...content, announced: 100_000 })],
    ['cut-chunks', 'truncated', answers.chunkedBroken(BODY, content)],
    ['changing', 'source_changed', changing()],
    ['huge', 'too_large', answers.large(64 * MIB, { head: BODY, type: 'text/plain', headers: HEADERS })],
    ['empty', 'empty', answers.empty(content)],
    ['page', 'type_mismatch', answers.file(Buffer.from(`<!doctype html><p>${CANARIES.body}`), { type: 'video/mp4' })],
    ['encoded', 'unsupported_encoding', answers.file(BODY, { headers: { 'content-encoding': CANARIES.encoding } })],
    ['broken-gzip', 'unsupported_encoding', answers.file(BODY, { headers: { 'content-encoding': 'gzip' } })],
  ];
  return Promise.all(
    paths.map(async ([path, end, handler]) => {
      const at = TROUBLES.has(path) ? await ofItsOwn() : origin;
      return { path, end, url: at.route(`/${path}`, handler) };
    }),
  );
}

/** A server with an untrusted certificate. */
export async function startUntrusted(): Promise<{ readonly port: number; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createTlsServer(SELF_SIGNED);
  server.on('connection', (socket: Socket) => sockets.add(socket.on('error', () => undefined)));
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) =>
        server.close(() => {
          resolve();
        }),
      );
    },
  };
}

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { listenOnLoopback } from '../../../src/local-stack/ports.js';
import { createVersions, type Versions } from './versions.js';
import { fileAt, pathOf, type Contents, type SourceFile } from './source-files.js';

export interface ChaosOrigin {
  readonly port: number;
  readonly versions: Versions;
  readonly served: {
    requests: number;
    /** Body bytes handed to the network. */
    bytes: number;
    notModified: number;
    ranges: number;
  };
  close(): Promise<void>;
}

/** Slow enough that a process is killed in the middle of a large body, fast enough for a run of half a minute. */
const LARGE_BYTES_PER_SECOND = 2 * 1024 * 1024;
const LARGE_PIECE = 128 * 1024;
/** How often a flaky file fails before it is served. */
const FAILURES = 3;
const LOGIN_PAGE = Buffer.from('<!DOCTYPE html><html><head><title>Sign in</title></head><body></body></html>');

/** The source of a chaos run: what it answers is decided by the path alone, see `Behaviour`. */
export async function startChaosOrigin(contents: Contents): Promise<ChaosOrigin> {
  const versions = createVersions();
  const served = { requests: 0, bytes: 0, notModified: 0, ranges: 0 };
  const failed = new Map<string, number>();

  const send = (response: ServerResponse, body: Buffer): void => {
    served.bytes += body.length;
    response.end(body);
  };
  const notModified = (response: ServerResponse, headers: Record<string, string>): void => {
    served.notModified += 1;
    response.writeHead(304, headers).end();
  };

  const plain = (request: IncomingMessage, response: ServerResponse, body: Buffer, etag: string): void => {
    if (request.headers['if-none-match'] === etag) {
      notModified(response, { etag });
      return;
    }
    response.writeHead(200, { etag, 'content-length': body.length });
    send(response, body);
  };

  const dated = (request: IncomingMessage, response: ServerResponse, body: Buffer, version: number): void => {
    const modified = new Date(Date.UTC(2026, 0, version)).toUTCString();
    if (request.headers['if-modified-since'] === modified) {
      notModified(response, { 'last-modified': modified });
      return;
    }
    response.writeHead(200, { 'last-modified': modified, 'content-length': body.length });
    send(response, body);
  };

  const large = async (request: IncomingMessage, response: ServerResponse, body: Buffer, etag: string) => {
    if (request.headers['if-none-match'] === etag) {
      notModified(response, { etag });
      return;
    }
    const [, start] = /^bytes=(\d+)-$/.exec(request.headers.range ?? '') ?? [];
    const isRange = start !== undefined && Number(start) < body.length && request.headers['if-range'] === etag;
    const from = isRange ? Number(start) : 0;
    if (isRange) {
      served.ranges += 1;
      const range = `bytes ${from}-${body.length - 1}/${body.length}`;
      response.writeHead(206, { etag, 'content-range': range, 'content-length': body.length - from });
    } else response.writeHead(200, { etag, 'accept-ranges': 'bytes', 'content-length': body.length });
    for (let at = from; at < body.length && !response.destroyed; at += LARGE_PIECE) {
      const piece = body.subarray(at, at + LARGE_PIECE);
      served.bytes += piece.length;
      // A client that reads slowly makes the socket buffer, which ends with the connection: bounded by the body.
      response.write(piece);
      await pause((piece.length * 1000) / LARGE_BYTES_PER_SECOND);
    }
    response.end();
  };

  /** Answers false when it is time to serve the file. */
  const fail = (response: ServerResponse, file: SourceFile, version: number, body: Buffer): boolean => {
    const key = `${pathOf(file)} ${version}`;
    const count = (failed.get(key) ?? 0) + 1;
    failed.set(key, count);
    if (count > FAILURES) return false;
    const how = (count + file.name.length + version) % 4;
    if (how === 0) response.writeHead(503).end();
    else if (how === 1) response.writeHead(429, { 'retry-after': '1' }).end();
    else if (how === 2) {
      response.writeHead(200, { 'content-length': body.length });
      response.write(body.subarray(0, body.length >> 1), () => response.socket?.resetAndDestroy());
    } else {
      // Closed in order, before the announced length.
      response.writeHead(200, { 'content-length': body.length });
      response.write(body.subarray(0, body.length >> 1), () => response.socket?.end());
    }
    return true;
  };

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    served.requests += 1;
    const file = fileAt((request.url ?? '').split('?')[0] ?? '');
    if (file === null || file.behaviour === 'missing') {
      response.writeHead((file?.name.length ?? 0) % 2 === 0 ? 404 : 410).end();
      return;
    }
    if (file.behaviour === 'login') {
      response.writeHead(200, { 'content-type': 'text/html' });
      send(response, LOGIN_PAGE);
      return;
    }
    const version = versions.current(file);
    const body = contents.body(file, version);
    const etag = `"${contents.sha256(file, version).slice(0, 20)}"`;
    if (file.behaviour === 'flaky' && fail(response, file, version, body)) return;
    if (file.behaviour === 'slow') await pause(300 + (body.length % 2_500));
    if (file.behaviour === 'dated') dated(request, response, body, version);
    else if (file.behaviour === 'chunked') {
      response.writeHead(200);
      response.write(body.subarray(0, body.length >> 1));
      send(response, body.subarray(body.length >> 1));
    } else if (file.behaviour === 'large') await large(request, response, body, etag);
    else plain(request, response, body, etag);
  };

  const server = createServer((request, response) => {
    response.setHeader(
      'content-type',
      request.url?.startsWith('/video/') === true ? 'video/mp4' : 'application/octet-stream',
    );
    // A client that hangs up in the middle is what this is for.
    answer(request, response).catch(() => response.destroy());
  });
  const listening = await listenOnLoopback(server);
  return { port: listening.port, versions, served, close: () => listening.close() };
}

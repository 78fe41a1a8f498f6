import { createHash, randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { OriginHandler } from '../servers/origin-server.js';
import { sampleMedia } from './sample-media.js';

type Headers = Record<string, string>;

interface FileState {
  readonly body: Buffer;
  readonly etag?: string;
  readonly lastModified?: string;
  readonly type?: string;
}

export interface RangedFileOptions extends FileState {
  /** After how many bytes of its body each answer is cut off, in turn; the answers after these are whole. */
  readonly cuts?: readonly number[];
  /** Once so many bytes of an answer are sent, the rest of it waits for this. */
  readonly hold?: { readonly at: number; readonly until: () => Promise<unknown> };
  /** false: Range is ignored, and every answer is a 200. */
  readonly ranges?: boolean;
  /** false: a range is sent whatever If-Range says. */
  readonly ifRange?: boolean;
  /** true: the whole file is sent as a 206 of all its bytes. */
  readonly wholeAsPart?: boolean;
  readonly headers?: Readonly<Headers>;
  /** Spoils the headers of a 206 or 416. */
  readonly lie?: (headers: Headers) => Headers;
}

export interface RangedFile {
  readonly handler: OriginHandler;
  /** Body bytes handed to sockets so far. */
  served(): number;
  /** From now on it is another file. */
  become(state: FileState): void;
}

/** Large enough for the origin to notice soon that a client has gone, small enough to cut nearly anywhere. */
const PIECE_BYTES = 64 * 1024;

/** An MP4 of so many bytes, no two of them alike. */
export function aVideo(bytes: number): Buffer {
  const head = sampleMedia('clip.mp4').body;
  return Buffer.concat([head, randomBytes(bytes - head.byteLength)]);
}

export function sha256Of(body: Buffer): string {
  return createHash('sha256').update(body).digest('hex');
}

/** A lie for `rangedFile`: the header is left out. */
export function withoutHeader(name: string): (headers: Headers) => Headers {
  return (headers) => Object.fromEntries(Object.entries(headers).filter(([key]) => key !== name));
}

/** A file as good servers serve it (RFC 9110 sections 13 and 14): ranges, If-Range, 304 and 416; or as bad ones do. */
export function rangedFile({
  cuts = [],
  hold,
  ranges = true,
  ifRange = true,
  wholeAsPart = false,
  headers,
  lie,
  ...first
}: RangedFileOptions): RangedFile {
  const cutsLeft = [...cuts];
  let state: FileState = first;
  let served = 0;

  function send(response: ServerResponse, status: number, said: Headers, body: Buffer): void {
    response.writeHead(status, { 'content-length': String(body.byteLength), ...said, ...headers });
    const cut = cutsLeft.shift() ?? Infinity;
    const end = Math.min(cut, body.byteLength);
    let sent = 0;
    let held = hold;
    const pump = (): void => {
      if (response.destroyed) return;
      if (held !== undefined && sent >= held.at) {
        const { until } = held;
        held = undefined;
        until().then(pump, () => response.destroy());
      } else if (sent < end) {
        const piece = body.subarray(sent, Math.min(sent + PIECE_BYTES, end));
        sent += piece.byteLength;
        served += piece.byteLength;
        response.write(piece, pump);
      } else if (cut < body.byteLength) response.socket?.destroy();
      else response.end();
    };
    response.flushHeaders();
    pump();
  }

  return {
    handler(request, response) {
      const { body } = state;
      const said = headersOf(state);
      if (isNotModified(request.headers, state)) {
        response.writeHead(304, said).end();
        return;
      }
      const start = ranges ? startOf(request.headers, state, ifRange) : undefined;
      if (start === undefined && wholeAsPart) {
        send(response, 206, { ...said, 'content-range': `bytes 0-${body.byteLength - 1}/${body.byteLength}` }, body);
      } else if (start === undefined) send(response, 200, said, body);
      else if (start < body.byteLength) {
        const range = `bytes ${start}-${body.byteLength - 1}/${body.byteLength}`;
        send(response, 206, spoilt({ ...said, 'content-range': range }, lie), body.subarray(start));
      } else {
        const refused = { ...said, 'content-type': 'text/html', 'content-range': `bytes */${body.byteLength}` };
        send(response, 416, spoilt(refused, lie), Buffer.from('<html>Range Not Satisfiable</html>'));
      }
    },
    served: () => served,
    become(next) {
      state = next;
    },
  };
}

function headersOf({ etag, lastModified, type }: FileState): Headers {
  return {
    'accept-ranges': 'bytes',
    ...(etag === undefined ? {} : { etag }),
    ...(lastModified === undefined ? {} : { 'last-modified': lastModified }),
    ...(type === undefined ? {} : { 'content-type': type }),
  };
}

function spoilt(headers: Headers, lie: RangedFileOptions['lie']): Headers {
  return lie === undefined ? headers : lie(headers);
}

function isNotModified(asked: IncomingHttpHeaders, { etag, lastModified }: FileState): boolean {
  const plain = (tag: string | undefined): string | undefined => tag?.replace(/^W\//, '');
  if (asked['if-none-match'] !== undefined) return plain(asked['if-none-match']) === plain(etag);
  return lastModified !== undefined && asked['if-modified-since'] === lastModified;
}

function startOf(asked: IncomingHttpHeaders, { etag }: FileState, ifRange: boolean): number | undefined {
  const start = /^bytes=(\d+)-$/.exec(asked.range ?? '')?.[1];
  if (start === undefined) return undefined;
  const condition = asked['if-range'];
  return ifRange && condition !== undefined && condition !== etag ? undefined : Number(start);
}

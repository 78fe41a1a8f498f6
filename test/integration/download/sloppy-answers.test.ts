import type { Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { rawBytes } from '../../servers/hostile-origin/raw-answers.js';
import { sampleMedia } from '../../support/sample-media.js';
import { closing, openEgress, textOf, aRequest } from '../egress/egress-fixture.js';
import { startRawServer } from '../../servers/raw-server.js';
import { startSourceRig, type SourceRig } from './source-rig.js';

const { body: MP4, sha256 } = sampleMedia('clip.mp4');
const SIZE = MP4.byteLength;
const LENGTH = `content-length: ${SIZE}\r\n`;
const OK = 'HTTP/1.1 200 OK\r\n';
const CHUNKS = [`${SIZE.toString(16)}\r\n`, MP4, '\r\n0\r\n\r\n'] as const;

type Piece = string | Buffer;
const bytes = (...pieces: readonly Piece[]) =>
  Buffer.concat(pieces.map((piece) => Buffer.from(piece as string, 'latin1')));

/** A head as sent, with the video as its body unless the rest of the bytes is given. */
const TAKEN: Readonly<Record<string, { readonly sent: readonly Piece[]; readonly lengthVerified?: boolean }>> = {
  'ends its header lines in LF alone': { sent: [`HTTP/1.1 200 OK\ncontent-length: ${SIZE}\n\n`, MP4] },
  'ends some header lines in LF alone': { sent: [`${OK}x: y\n${LENGTH}\n`, MP4] },
  'announces one length in two lines': { sent: [OK, LENGTH, LENGTH, '\r\n', MP4] },
  'announces one length as a list': { sent: [OK, `content-length: ${SIZE}, ${SIZE}\r\n\r\n`, MP4] },
  'puts white space around the length': { sent: [OK, `content-length:\t ${SIZE} \t\r\n\r\n`, MP4] },
  'puts white space before the colon': { sent: [OK, `content-length : ${SIZE}\r\n\r\n`, MP4] },
  'announces a length beside chunks': { sent: [OK, LENGTH, 'transfer-encoding: chunked\r\n\r\n', ...CHUNKS] },
  'announces a wrong length beside chunks': {
    sent: [OK, 'content-length: 7\r\ntransfer-encoding: chunked\r\n\r\n', ...CHUNKS],
  },
  'announces chunks twice': {
    sent: [OK, 'transfer-encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n', ...CHUNKS],
  },
  'names chunks in capitals, with extensions and a trailer': {
    sent: [OK, 'transfer-encoding: Chunked\r\n\r\n', `${SIZE.toString(16)};a=b\r\n`, MP4, '\r\n0\r\nx-sum: 1\r\n\r\n'],
  },
  'names no transfer coding (identity) beside its length': {
    sent: [OK, LENGTH, 'transfer-encoding: identity\r\n\r\n', MP4],
  },
  'names no transfer coding (identity), and ends with the connection': {
    sent: [OK, 'transfer-encoding: identity\r\n\r\n', MP4],
    lengthVerified: false,
  },
  'leaves the reason phrase out': { sent: ['HTTP/1.1 200\r\n', LENGTH, '\r\n', MP4] },
  'leaves the reason phrase out, but not the space': { sent: ['HTTP/1.1 200 \r\n', LENGTH, '\r\n', MP4] },
  'has a reason phrase beyond ASCII': { sent: ['HTTP/1.1 200 Tr\u00e8s bien\r\n', LENGTH, '\r\n', MP4] },
  'puts two spaces before the status': { sent: ['HTTP/1.1  200 OK\r\n', LENGTH, '\r\n', MP4] },
  'speaks HTTP/1.0, with a length': { sent: ['HTTP/1.0 200 OK\r\n', LENGTH, '\r\n', MP4] },
  'speaks HTTP/1.0, in chunks': { sent: ['HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n', ...CHUNKS] },
  'speaks HTTP/1.0, and ends with the connection': {
    sent: ['HTTP/1.0 200 OK\r\n\r\n', MP4],
    lengthVerified: false,
  },
  'sends 100 (Continue) unasked': { sent: ['HTTP/1.1 100 Continue\r\n\r\n', OK, LENGTH, '\r\n', MP4] },
  'sends 102 and 103 before the answer': {
    sent: ['HTTP/1.1 102 Wait\r\n\r\nHTTP/1.1 103 Hints\r\nlink: </a>\r\n\r\n', OK, LENGTH, '\r\n', MP4],
  },
  'begins with an empty line': { sent: ['\r\n', OK, LENGTH, '\r\n', MP4] },
  'folds a header line': { sent: [OK, 'x-note: one\r\n two\r\n', LENGTH, '\r\n', MP4] },
  'sends header lines that are none': { sent: [OK, 'nonsense\r\n: x\r\na b: c\r\n', LENGTH, '\r\n', MP4] },
  'sends control characters in a header': { sent: [OK, 'x-note: a\u0001b\u0000\r\n', LENGTH, '\r\n', MP4] },
  'sends bytes beyond ASCII in a header': { sent: [OK, 'x-note: caf\u00e9\r\n', LENGTH, '\r\n', MP4] },
  'offers another protocol': { sent: [OK, 'upgrade: h2c\r\nconnection: upgrade\r\n', LENGTH, '\r\n', MP4] },
  'closes the connection and says that it keeps it': {
    sent: [OK, 'connection: keep-alive\r\nkeep-alive: timeout=0\r\n', LENGTH, '\r\n', MP4],
  },
};

/** What curl or a browser would take in part or as something else, and we refuse: the end of the body cannot be relied on. */
const REFUSED: Readonly<Record<string, { readonly sent: readonly Piece[]; readonly code: string }>> = {
  'announces two lengths': { sent: [OK, LENGTH, `content-length: ${SIZE + 1}\r\n\r\n`, MP4], code: 'connect_failed' },
  'announces a length with a sign': { sent: [OK, `content-length: +${SIZE}\r\n\r\n`, MP4], code: 'connect_failed' },
  'announces an empty length': { sent: [OK, 'content-length:\r\n\r\n', MP4], code: 'connect_failed' },
  'speaks another version of HTTP': { sent: ['HTTP/1.2 200 OK\r\n', LENGTH, '\r\n', MP4], code: 'connect_failed' },
  'names another protocol': { sent: ['ICY 200 OK\r\n', LENGTH, '\r\n', MP4], code: 'connect_failed' },
  'compresses under the chunks': {
    sent: [OK, 'transfer-encoding: gzip, chunked\r\n\r\n', ...CHUNKS],
    code: 'unsupported_encoding',
  },
  'pads the sizes of its chunks': {
    sent: [OK, 'transfer-encoding: chunked\r\n\r\n', `${SIZE.toString(16)}   \r\n`, MP4, '\r\n0\r\n\r\n'],
    code: 'truncated',
  },
  'ends the lines of its chunks in LF alone': {
    sent: [OK, 'transfer-encoding: chunked\r\n\r\n', `${SIZE.toString(16)}\n`, MP4, '\n0\n\n'],
    code: 'truncated',
  },
};

describe('a source that', () => {
  let rig: SourceRig;
  beforeAll(async () => {
    rig = await startSourceRig();
  });
  afterAll(() => rig.close());

  it.each(Object.entries(TAKEN))('%s is understood', async (_name, { sent, lengthVerified = true }) => {
    const { asset, httpStatus } = await rig.fetch(rig.origin.route('/sloppy', rawBytes(bytes(...sent))));
    expect({ httpStatus, ...asset }).toEqual({
      httpStatus: 200,
      sha256,
      bytes: SIZE,
      mimeType: 'video/mp4',
      lengthVerified,
    });
    const stored = await rig.blobs.read(sha256);
    expect(stored && (await buffer(stored)).equals(MP4)).toBe(true);
  });

  it.each(Object.entries(REFUSED))('%s is refused', async (_name, { sent, code }) => {
    const url = rig.origin.route('/broken', rawBytes(bytes(...sent)));
    await expect(rig.fetch(url)).rejects.toMatchObject({ name: 'ImportError', code });
    expect(await rig.leftovers()).toEqual([]);
  });
});

describe('a connection', () => {
  /** Answers `/name` with the bytes of that name, and keeps the connection. */
  async function open(
    answers: Readonly<Record<string, string>>,
    write = (socket: Socket, text: string) => void socket.write(text, 'latin1'),
  ) {
    const server = closing(
      await startRawServer((socket, head) => {
        write(socket, answers[/^GET \/(\w+)/.exec(head)?.[1] ?? ''] ?? '');
      }),
    );
    const egress = openEgress(`127.0.0.1/32:${server.port}`, { hostMaxConnections: 1 });
    const get = async (name: string, overrides = {}) =>
      textOf(await egress.request(aRequest(`${server.origin}/${name}`, overrides)));
    return { server, get };
  }

  const GOOD = 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ngood';

  it('is used again after sloppy heads, whose repair belongs to one answer only', async () => {
    const { server, get } = await open({
      lf: 'HTTP/1.1 200 OK\ncontent-length: 2\n\nlf',
      twice: 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 5\r\n\r\ntwice',
      // A body that looks like a head stays as it is.
      body: 'HTTP/1.1 200 OK\r\ncontent-length: 23\r\n\r\nHTTP/1.1 200 OK\nx : y\n\n',
      good: GOOD,
    });
    const answers = [];
    for (const name of ['lf', 'twice', 'body', 'good', 'lf']) answers.push(await get(name));
    expect(answers).toEqual(['lf', 'twice', 'HTTP/1.1 200 OK\nx : y\n\n', 'good', 'lf']);
    expect(server.connections()).toBe(1);
  });

  it('is not used again when a length stood beside chunks, because the other end may count by it', async () => {
    const { server, get } = await open({
      both: 'HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n4\r\nboth\r\n0\r\n\r\n',
      good: GOOD,
    });
    expect([await get('both'), await get('good')]).toEqual(['both', 'good']);
    expect(server.connections()).toBe(2);
  });

  it.each([
    ['an empty line', '\r\n'],
    ['garbage', 'more than was announced'],
    ['another answer', 'HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil'],
  ])('with %s behind the body harms neither that answer nor the next one', async (_what, rest) => {
    const { get } = await open({ first: `HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfirst${rest}`, good: GOOD });
    expect([await get('first'), await get('good'), await get('first')]).toEqual(['first', 'good', 'first']);
  });

  it('may bring its heads in pieces of one byte', async () => {
    const text =
      'HTTP/1.1 100 Continue\n\nHTTP/1.1 200 OK\r\nx: y\n z\r\ncontent-length: 5\r\ncontent-length: 5\n\r\nbytes';
    const { server, get } = await open({ bytes: text }, (socket, answer) => {
      socket.setNoDelay();
      void (async () => {
        for (const byte of answer) {
          await new Promise((resolve) => socket.write(byte, resolve));
          await turn();
        }
      })();
    });
    expect([await get('bytes'), await get('bytes')]).toEqual(['bytes', 'bytes']);
    expect(server.connections()).toBe(1);
  });

  it('that brings 100 (Continue) without end is given up, as with any other 1xx', async () => {
    const { get } = await open({ flood: 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(1000) });
    await expect(get('flood')).rejects.toMatchObject({ code: 'connect_failed' });
  });

  it('that ends within a head is told as broken', async () => {
    const { get } = await open({ half: 'HTTP/1.1 200 OK\ncontent-le' }, (socket, text) => void socket.end(text));
    await expect(get('half')).rejects.toMatchObject({ code: 'connect_failed' });
  });

  it.each([
    ['lines without end', `HTTP/1.1 200 OK\n${'x: y\n'.repeat(20_000)}`],
    ['a line without end', `HTTP/1.1 200 OK\n${'x'.repeat(100_000)}`],
    ['empty lines without end', '\r\n'.repeat(100_000)],
  ])('that brings a head of %s is given up', async (_what, text) => {
    const { get } = await open({ endless: text });
    await expect(get('endless', { headersTimeoutMs: 1_000 })).rejects.toMatchObject({ name: 'ImportError' });
  });
});

import { describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { ImportError } from '../../../src/domain/errors.js';
import { classifyNetworkError } from '../../../src/egress/network-errors.js';
import { startCanary } from '../../support/canary.js';
import { createFakeResolver } from '../../support/fake-resolver.js';
import { aRequest, closing, openEgress, textOf } from './egress-fixture.js';
import { httpAnswer, startRawServer } from '../../servers/raw-server.js';
import { SELF_SIGNED, UNKNOWN_EXTENSION } from './self-signed.js';

async function open(answer: (socket: Socket, head: string) => void) {
  const server = closing(await startRawServer(answer));
  return { server, egress: openEgress(`127.0.0.1/32:${server.port}`), url: `${server.origin}/file` };
}

/** What the source makes of a body that fails: the classified error, or the text when the body looks complete. */
async function readBody(answer: (socket: Socket) => void, idleTimeoutMs = 10_000): Promise<ImportError | string> {
  const { egress, url } = await open(answer);
  const response = await egress.request(aRequest(url, { idleTimeoutMs }));
  return textOf(response).catch((error: unknown) => {
    const classified = classifyNetworkError(error, 'body');
    if (classified === undefined) throw error;
    return classified;
  });
}

describe('failures before the headers', () => {
  it('tells a refused connection as connect_failed, without an address', async () => {
    const { server, egress, url } = await open(() => undefined);
    await server.close();

    await expect(egress.request(aRequest(url))).rejects.toMatchObject({
      code: 'connect_failed',
      message: 'The connection was refused or broke before an answer came',
      retryable: true,
      details: { stage: 'connect' },
    });
  });

  it('tells refused connections to every address of a name as connect_failed', async () => {
    const { server } = await open(() => undefined);
    await server.close();
    const { lookup } = createFakeResolver({ 'name.example': ['127.0.0.1', '127.0.0.2'] });
    const egress = openEgress(`127.0.0.0/8:${server.port}`, { lookup });

    await expect(egress.request(aRequest(`http://name.example:${server.port}/`))).rejects.toMatchObject({
      code: 'connect_failed',
    });
  });

  it.each<[string, (socket: Socket) => void, string]>([
    ['closes', (socket) => socket.end(), 'The connection was refused or broke before an answer came'],
    ['resets', (socket) => socket.resetAndDestroy(), 'The connection was refused or broke before an answer came'],
    [
      'resets amid the headers',
      (socket) => socket.write('HTTP/1.1 200 OK\r\nx: ', () => socket.resetAndDestroy()),
      'The connection was refused or broke before an answer came',
    ],
    [
      'answers 20 KB of headers',
      (socket) => socket.write(httpAnswer(200, { x: 'a'.repeat(20_000) })),
      'The source did not answer with valid HTTP',
    ],
    [
      'answers nonsense',
      (socket) => socket.end('SSH-2.0-OpenSSH_9.6\r\n\r\n'),
      'The source did not answer with valid HTTP',
    ],
    [
      'announces two lengths',
      (socket) => socket.end(httpAnswer(200, { 'Content-length': '3' }, 'abcd')),
      'The source did not answer with valid HTTP',
    ],
    [
      'answers 1xx without end',
      (socket) => socket.write('HTTP/1.1 102 Processing\r\n\r\n'.repeat(1000)),
      'The source did not answer with valid HTTP',
    ],
    [
      'answers a status that undici does not believe in',
      (socket) => socket.end('HTTP/1.1 099 X\r\ncontent-length: 0\r\n\r\n'),
      'The request failed before an answer came (ERR_ASSERTION)',
    ],
  ])('tells connect_failed, to be retried, when the source %s', async (_what, answer, message) => {
    const { egress, url } = await open(answer);

    await expect(egress.request(aRequest(url))).rejects.toMatchObject({
      code: 'connect_failed',
      message,
      retryable: true,
    });
  });

  it('goes on serving after a status that undici does not believe in', async () => {
    const { server, egress, url } = await open((socket) => {
      socket.end(server.requests.length === 1 ? 'HTTP/1.1 099 X\r\n\r\n' : httpAnswer(200, {}, 'bytes'));
    });

    await expect(egress.request(aRequest(url))).rejects.toMatchObject({ code: 'connect_failed' });
    expect(await textOf(await egress.request(aRequest(url)))).toBe('bytes');
  });

  it('passes over a few 1xx answers', async () => {
    const { egress, url } = await open((socket) => {
      socket.end(`HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n${httpAnswer(200, { connection: 'close' }, 'bytes')}`);
    });

    expect(await textOf(await egress.request(aRequest(url)))).toBe('bytes');
  });

  it('tells a timeout when no headers come', async () => {
    const { egress, url } = await open(() => undefined);

    await expect(egress.request(aRequest(url, { headersTimeoutMs: 200 }))).rejects.toMatchObject({
      code: 'timeout',
      message: 'The source did not answer the request in time',
      details: { stage: 'headers' },
    });
  });

  it('tells a timeout when nothing but 1xx answers come, each in time', async () => {
    const { egress, url } = await open((socket) => {
      const timer = setInterval(() => socket.write('HTTP/1.1 102 Processing\r\n\r\n'), 150);
      socket.on('close', () => {
        clearInterval(timer);
      });
    });

    await expect(egress.request(aRequest(url, { headersTimeoutMs: 1_000 }))).rejects.toMatchObject({
      code: 'timeout',
      message: 'The source did not answer the request in time',
      details: { stage: 'headers' },
    });
  });

  it('tells a timeout when the TLS handshake does not end', async () => {
    const { server } = await open(() => undefined);
    const egress = openEgress(`127.0.0.1/32:${server.port}`, { connectTimeoutMs: 300 });

    await expect(egress.request(aRequest(`https://127.0.0.1:${server.port}/`))).rejects.toMatchObject({
      code: 'timeout',
      message: 'The source did not accept a connection in time',
      details: { stage: 'connect' },
    });
  });

  it.each([
    ['that is not trusted', SELF_SIGNED],
    ['with a fault that Node has no name for', UNKNOWN_EXTENSION],
  ])('tells tls_failed for a certificate %s, having asked for the host by name', async (_what, certificate) => {
    const names: string[] = [];
    const server = createTlsServer({
      ...certificate,
      SNICallback: (name, done) => {
        names.push(name);
        done(null);
      },
    });
    server.on('tlsClientError', () => undefined);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    closing({
      close: () =>
        new Promise((resolve) =>
          server.close(() => {
            resolve();
          }),
        ),
    });
    const { port } = server.address() as AddressInfo;
    const { lookup } = createFakeResolver({ 'cdn.example': ['127.0.0.1'] });
    const egress = openEgress(`127.0.0.1/32:${port}`, { lookup });

    await expect(egress.request(aRequest(`https://cdn.example:${port}/`))).rejects.toMatchObject({
      code: 'tls_failed',
      retryable: false,
      details: { stage: 'connect' },
    });
    expect(names).toEqual(['cdn.example']);
  });

  it('tells connect_failed when the source does not speak TLS', async () => {
    const plain = closing(await startCanary());
    const egress = openEgress(`127.0.0.1/32:${plain.port}`);

    await expect(egress.request(aRequest(`https://127.0.0.1:${plain.port}/`))).rejects.toMatchObject({
      code: 'connect_failed',
      retryable: true,
    });
  });
});

describe('failures in the body', () => {
  it.each<[string, (socket: Socket) => void]>([
    ['ends short of its length', (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf')],
    [
      'ends short of its length on a connection to close',
      (socket) => socket.end('HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 100\r\n\r\nhalf'),
    ],
    [
      'ends before the last chunk',
      (socket) => socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n'),
    ],
    [
      'has a malformed chunk',
      (socket) => socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhalf\r\n'),
    ],
    [
      'of a known length is reset',
      (socket) =>
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf', () =>
          setTimeout(() => socket.resetAndDestroy(), 100),
        ),
    ],
    [
      'that only the connection delimits is reset',
      (socket) => socket.write('HTTP/1.1 200 OK\r\n\r\nhalf', () => setTimeout(() => socket.resetAndDestroy(), 100)),
    ],
    [
      'that only the connection delimits is reset under HTTP/1.0',
      (socket) => socket.write('HTTP/1.0 200 OK\r\n\r\nhalf', () => setTimeout(() => socket.resetAndDestroy(), 100)),
    ],
  ])('tells truncated when the body %s', async (_what, answer) => {
    expect(await readBody(answer)).toMatchObject({ code: 'truncated', retryable: true, details: { stage: 'body' } });
  });

  it('takes a body that only the end of the connection delimits', async () => {
    expect(await readBody((socket) => socket.end('HTTP/1.1 200 OK\r\n\r\nwhole'))).toBe('whole');
  });

  it('tells a timeout when the body stalls', async () => {
    const stalled = await readBody((socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf'), 200);

    expect(stalled).toMatchObject({
      code: 'timeout',
      message: 'The source stopped sending for too long',
      details: { stage: 'body' },
    });
  });

  it('lets a caller destroy a body without listening for errors, and frees the connection', async () => {
    const { egress, server, url } = await open((socket) =>
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf'),
    );

    for (let time = 0; time < 12; time += 1) {
      const { body } = await egress.request(aRequest(url));
      const closed = new Promise((resolve) => body.once('close', resolve));
      body.destroy();
      await closed;
    }

    expect(server.requests).toHaveLength(12);
  });

  it('ends a body with the reason of the signal', async () => {
    const { egress, url } = await open((socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf'));
    const stop = new AbortController();
    const reason = new Error('stop');

    const response = await egress.request(aRequest(url, { signal: stop.signal }));
    stop.abort(reason);

    await expect(textOf(response)).rejects.toBe(reason);
  });
});

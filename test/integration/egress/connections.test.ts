import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { connect } from 'node:net';
import { aRequest, closing, openEgress, textOf } from './egress-fixture.js';
import { httpAnswer, startRawServer } from './raw-server.js';

const PROXY_VARIABLES = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY', 'http_proxy', 'https_proxy', 'all_proxy'];

describe('the proxies of the environment', () => {
  const before = new Map<string, string | undefined>();

  beforeEach(() => {
    for (const name of PROXY_VARIABLES) {
      before.set(name, process.env[name]);
      process.env[name] = 'http://127.0.0.1:9/';
    }
  });

  afterEach(() => {
    for (const [name, value] of before) {
      if (value === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = value;
    }
  });

  it('are ignored', async () => {
    const origin = closing(await startRawServer((socket) => socket.write(httpAnswer(200, {}, 'direct'))));
    const egress = openEgress(`127.0.0.1/32:${origin.port}`);

    expect(await textOf(await egress.request(aRequest(origin.origin)))).toBe('direct');
  });
});

describe('the egress proxy', () => {
  async function startProxy(targetPort: number, status = 200) {
    const tunnels: string[] = [];
    const sockets = new Set<Socket>();
    const proxy = createServer((_request, response) => response.writeHead(405).end());
    proxy.on('connection', (socket) => sockets.add(socket));
    proxy.on('connect', (request, socket) => {
      tunnels.push(request.url ?? '');
      socket.on('error', () => undefined);
      if (status !== 200) {
        socket.end(`HTTP/1.1 ${status} X\r\n\r\n`);
        return;
      }
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      const target = connect(targetPort, '127.0.0.1').on('error', () => undefined);
      socket.pipe(target).pipe(socket);
    });
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    closing({
      close: () => {
        for (const socket of sockets) socket.destroy();
        return new Promise((resolve) =>
          proxy.close(() => {
            resolve();
          }),
        );
      },
    });
    return { tunnels, proxyUrl: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}/` };
  }

  it('is asked for a tunnel by name, for plain http as well', async () => {
    const origin = closing(await startRawServer((socket) => socket.write(httpAnswer(200, {}, 'tunnelled'))));
    const { tunnels, proxyUrl } = await startProxy(origin.port);
    const egress = openEgress('', { proxyUrl });

    expect(await textOf(await egress.request(aRequest('http://name.example/x')))).toBe('tunnelled');
    expect(tunnels).toEqual(['name.example:80']);
  });

  it('does not see what the URL rules refuse', async () => {
    const { tunnels, proxyUrl } = await startProxy(9);
    const egress = openEgress('', { proxyUrl });

    await expect(egress.request(aRequest('http://169.254.169.254/'))).rejects.toMatchObject({
      code: 'url_not_allowed',
    });
    expect(tunnels).toEqual([]);
  });

  it('is told as connect_failed when it refuses', async () => {
    const { proxyUrl } = await startProxy(9, 407);
    const egress = openEgress('', { proxyUrl });

    await expect(egress.request(aRequest('http://name.example/'))).rejects.toMatchObject({ code: 'connect_failed' });
  });
});

describe('connections to one origin', () => {
  it('are never more than the limit, and are reused', async () => {
    const waiting: Socket[] = [];
    const origin = closing(await startRawServer((socket) => waiting.push(socket)));
    const egress = openEgress(`127.0.0.1/32:${origin.port}`, { hostMaxConnections: 2 });
    const texts = Array.from({ length: 6 }, async () => textOf(await egress.request(aRequest(origin.origin))));

    let answered = 0;
    const answering = setInterval(() => {
      for (const socket of waiting.splice(0)) {
        answered += 1;
        socket.write(httpAnswer(200, {}, 'ok'));
      }
    }, 20);
    const all = await Promise.all(texts);
    clearInterval(answering);

    expect(all).toEqual(Array.from({ length: 6 }, () => 'ok'));
    expect([answered, origin.connections()]).toEqual([6, 2]);
  });

  it('end a request that waits for a free one as soon as its signal aborts', async () => {
    const origin = closing(
      await startRawServer((socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf')),
    );
    const egress = openEgress(`127.0.0.1/32:${origin.port}`, { hostMaxConnections: 1 });
    const { body } = await egress.request(aRequest(origin.origin));
    const stop = new AbortController();
    const reason = new Error('stop');

    const waiting = egress.request(aRequest(origin.origin, { signal: stop.signal }));
    stop.abort(reason);

    await expect(waiting).rejects.toBe(reason);
    expect(origin.requests).toHaveLength(1);
    body.destroy();
  });

  it('are cut when the door is closed', async () => {
    const origin = closing(
      await startRawServer((socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf')),
    );
    const egress = openEgress(`127.0.0.1/32:${origin.port}`);
    const response = await egress.request(aRequest(origin.origin));

    await egress.close();

    await expect(textOf(response)).rejects.toThrow();
  });

  it('carry a body and headers as given, and leave the answer encoded', async () => {
    const encoded = httpAnswer(201, { 'content-encoding': 'gzip', 'x-many': '1' }, 'not really gzip');
    const origin = closing(await startRawServer((socket) => socket.write(encoded)));
    const egress = openEgress(`127.0.0.1/32:${origin.port}`);
    const headers = { 'content-type': 'application/json', 'webhook-id': 'msg_1' };

    const answer = await egress.request(
      aRequest(origin.origin, { method: 'POST', body: '{"a":1}', headers, maxRedirects: 0 }),
    );

    expect([answer.status, answer.headers['content-encoding'], await textOf(answer)]).toEqual([
      201,
      'gzip',
      'not really gzip',
    ]);
    expect(origin.requests[0]).toMatch(/^POST \/ HTTP\/1\.1\r\n/);
    expect(origin.requests[0]).toContain('webhook-id: msg_1');
    expect(origin.requests[0]).toContain('content-length: 7');
  });
});

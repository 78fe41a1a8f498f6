import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, Socket, type AddressInfo } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import type { ImportError } from '../../../src/domain/errors.js';
import { parseAllowList } from '../../../src/egress/addresses.js';
import { classifyNetworkError } from '../../../src/egress/network-errors.js';
import { checkUrl } from '../../../src/egress/urls.js';
import { attackInputs } from '../../support/egress-attacks.js';
import { aRequest, closing, openEgress, textOf } from './egress-fixture.js';
import { httpAnswer, startRawServer, type RawServer } from '../../servers/raw-server.js';

/** Resolves every name to one origin, as a proxy that vets nothing would; `answer` is its status, or silence. */
async function startProxy(targetPort: number, answer: number | 'silent' = 200) {
  const tunnels: string[] = [];
  const credentials: (string | undefined)[] = [];
  const sockets = new Set<Socket>();
  const proxy = createServer((_request, response) => response.writeHead(405).end());
  proxy.on('connection', (socket) => sockets.add(socket));
  proxy.on('connect', (request, socket) => {
    tunnels.push(request.url ?? '');
    credentials.push(request.headers['proxy-authorization']);
    socket.on('error', () => undefined);
    if (answer === 'silent') return;
    if (answer !== 200) {
      socket.end(`HTTP/1.1 ${answer} X\r\n\r\n`);
      return;
    }
    socket.write('HTTP/1.1 200 OK\r\n\r\n');
    const target = connect(targetPort, '127.0.0.1').on('error', () => {
      if (socket instanceof Socket) socket.resetAndDestroy();
    });
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
  return { tunnels, credentials, address: `127.0.0.1:${(proxy.address() as AddressInfo).port}` };
}

async function startOrigin(answer = httpAnswer(200, {}, 'tunnelled')): Promise<RawServer> {
  return closing(await startRawServer((socket) => socket.write(answer)));
}

describe('the egress proxy', () => {
  it('is asked for a tunnel by name, for plain http as well, and gets its credentials', async () => {
    const origin = await startOrigin();
    const { tunnels, credentials, address } = await startProxy(origin.port);
    const egress = openEgress('', { proxyUrl: `http://us%65r:pw@${address}` });

    expect(await textOf(await egress.request(aRequest('http://name.example/x')))).toBe('tunnelled');
    expect(tunnels).toEqual(['name.example:80']);
    expect(credentials).toEqual([`Basic ${Buffer.from('user:pw').toString('base64')}`]);
    expect(origin.requests[0]).not.toMatch(/proxy-authorization/i);
  });

  it('is used for webhooks and for every hop of a redirect, and no name is looked up here', async () => {
    const origin = closing(
      await startRawServer((socket, head) => {
        const isFirst = head.startsWith('GET /first');
        socket.end(httpAnswer(isFirst ? 302 : 200, isFirst ? { location: 'http://other.example/' } : {}, 'x'));
      }),
    );
    const { tunnels, address } = await startProxy(origin.port);
    const lookup = () => Promise.reject(new Error('A name was looked up'));
    const egress = openEgress('', { proxyUrl: `http://${address}`, lookup });

    await textOf(await egress.request(aRequest('http://name.example/first')));
    await textOf(await egress.request(aRequest('http://hook.example/', { method: 'POST', maxRedirects: 0 })));

    expect(tunnels).toEqual(['name.example:80', 'other.example:80', 'hook.example:80']);
  });

  it('is asked for nothing that the rules refuse, literal or local name', async () => {
    const { tunnels, address } = await startProxy(9);
    const egress = openEgress('127.9.9.9/32:43211', { proxyUrl: `http://${address}` });

    for (const raw of attackInputs(43_211))
      await expect(egress.request(aRequest(raw as string))).rejects.toMatchObject({ code: 'url_not_allowed' });

    expect(tunnels).toEqual([]);
  });

  it('is asked for nothing that a redirect would lead to against the rules', async () => {
    const origin = await startOrigin(httpAnswer(302, { location: 'http://169.254.169.254/latest/' }));
    const { tunnels, address } = await startProxy(origin.port);
    const egress = openEgress('', { proxyUrl: `http://${address}` });

    await expect(egress.request(aRequest('http://name.example/'))).rejects.toMatchObject({ code: 'redirect_refused' });
    expect(tunnels).toEqual(['name.example:80']);
  });

  it('is asked for no name on a port that only the allow list opens, because the name is not vetted locally', async () => {
    const origin = await startOrigin();
    const { tunnels, address } = await startProxy(origin.port);
    const allow = `127.0.0.1/32:${origin.port}`;
    const egress = openEgress(allow, { proxyUrl: `http://${address}` });
    const url = `http://name.example:${origin.port}/`;

    expect(checkUrl(url, parseAllowList(allow)).ok).toBe(true);
    await expect(egress.request(aRequest(url))).rejects.toMatchObject({
      code: 'url_not_allowed',
      message: 'The address may not be fetched',
    });
    expect(tunnels).toEqual([]);
    expect(await textOf(await egress.request(aRequest(`${origin.origin}/`)))).toBe('tunnelled');
  });

  it.each([403, 407, 502])('is told as connect_failed when it refuses with %i', async (status) => {
    const { address } = await startProxy(9, status);
    const egress = openEgress('', { proxyUrl: `http://${address}` });

    await expect(egress.request(aRequest('http://name.example/'))).rejects.toMatchObject({
      code: 'connect_failed',
      message: 'The connection was refused or broke before an answer came',
    });
  });

  it('is given up after the limit for connecting when it does not answer', async () => {
    const { address } = await startProxy(9, 'silent');
    const egress = openEgress('', { proxyUrl: `http://${address}`, connectTimeoutMs: 1000 });

    await expect(egress.request(aRequest('http://name.example/'))).rejects.toMatchObject({ code: 'timeout' });
  });

  it('is not asked again and again for a source that speaks before it is asked', async () => {
    const tunnels: Socket[] = [];
    const proxy = closing(
      await startRawServer((socket) => {
        tunnels.push(socket);
        socket.end(httpAnswer(200, { connection: 'close' }, 'early'));
      }),
    );
    const egress = openEgress('', { proxyUrl: proxy.origin });

    await expect(egress.request(aRequest('http://name.example/'))).rejects.toMatchObject({ code: 'connect_failed' });
    expect(tunnels).toHaveLength(1);
  });

  it('cannot make a body that was reset look complete', async () => {
    const origin = closing(
      await startRawServer((socket) =>
        socket.write('HTTP/1.1 200 OK\r\n\r\nhalf', () => setTimeout(() => socket.resetAndDestroy(), 100)),
      ),
    );
    const { address } = await startProxy(origin.port);
    const egress = openEgress('', { proxyUrl: `http://${address}` });

    const failure = await textOf(await egress.request(aRequest('http://name.example/'))).catch(
      (error: unknown): ImportError | undefined => classifyNetworkError(error, 'body'),
    );

    expect(failure).toMatchObject({ code: 'truncated' });
  });
});

import { describe, expect, it } from '@jest/globals';
import { EventEmitter, once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { letContinue, listen } from '../../../src/api/server.js';

const options = { host: '127.0.0.1', port: 0, portVariable: 'PORT' };

describe('listen', () => {
  it('names the address and the variable when the port is taken', async () => {
    const first = await listen((_request, response) => response.end(), options);

    await expect(listen(() => undefined, { ...options, port: first.port })).rejects.toThrow(
      `127.0.0.1:${first.port} is in use already, set PORT to another port`,
    );

    await first.close(0);
  });

  it('lets a running request end when it closes', async () => {
    let finish: () => void = () => undefined;
    const events = new EventEmitter();
    const arrived = once(events, 'arrived');
    const server = await listen((_request, response) => {
      finish = () => response.end('done');
      events.emit('arrived');
    }, options);
    const answer = fetch(server.origin);
    await arrived;

    const closed = server.close(60_000);
    finish();

    expect(await (await answer).text()).toBe('done');
    // Well before the grace is over, although the client would keep its connection.
    await closed;
    await expect(fetch(server.origin)).rejects.toThrow();
  });

  it('cuts requests that outlast the grace', async () => {
    const events = new EventEmitter();
    const arrived = once(events, 'arrived');
    const server = await listen(() => {
      events.emit('arrived');
    }, options);
    const answer = fetch(server.origin);
    await arrived;

    const [outcome] = await Promise.allSettled([answer, server.close(10)]);

    expect(outcome.status).toBe('rejected');
  });

  it.each([
    ['what is not HTTP', 'nonsense\r\n\r\n', 400],
    ['HTTP/1.1 without a host', 'GET / HTTP/1.1\r\n\r\n', 400],
    ['two hosts', 'GET / HTTP/1.1\r\nHost: x\r\nhost: x\r\n\r\n', 400],
    ['two hosts in HTTP/1.0', 'GET / HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n', 400],
    ['HTTP/0.9', 'GET /\r\n\r\n', 400],
    ['too many headers', `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
  ])('answers %s in the published form', async (_name, bytes, status) => {
    const server = await listen((_request, response) => response.end(), options);
    const socket = connect(server.port, '127.0.0.1');
    socket.write(bytes);

    const answer = await text(socket);
    await server.close(0);

    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(answer.toLowerCase()).toContain('x-request-id: ');
    expect(JSON.parse(answer.split('\r\n\r\n')[1] ?? '')).toMatchObject({ status });
  });

  it('passes over an expectation that it does not know', async () => {
    const server = await listen((_request, response) => response.end('handled'), options);
    const socket = connect(server.port, '127.0.0.1');
    socket.write('GET / HTTP/1.1\r\nHost: x\r\nExpect: a miracle\r\nConnection: close\r\n\r\n');

    const answer = await text(socket);
    await server.close(0);

    expect(answer).toMatch(/^HTTP\/1.1 200 /);
    expect(answer).toContain('handled');
  });

  it('lets HTTP/1.0 do without a host', async () => {
    const server = await listen((_request, response) => response.end('handled'), options);
    const socket = connect(server.port, '127.0.0.1');
    socket.write('GET / HTTP/1.0\r\n\r\n');

    expect(await text(socket)).toMatch(/^HTTP\/1\.1 200 /);
    await server.close(0);
  });

  it('closes connections beyond its limit', async () => {
    const server = await listen((_request, response) => response.end('handled'), { ...options, maxConnections: 2 });
    const sockets = [1, 2].map(() => connect(server.port, '127.0.0.1'));
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));

    const third = connect(server.port, '127.0.0.1');
    third.on('error', () => undefined);
    third.resume();
    await once(third, 'close');
    sockets[0]?.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');

    expect(await text(sockets[0] ?? third)).toContain('handled');
    sockets[1]?.destroy();
    await server.close(0);
  });

  it('cuts heads that are not over in time, however many there are', async () => {
    const server = await listen((_request, response) => response.end(), { ...options, headMs: 100, lookMs: 50 });
    const sockets = Array.from({ length: 100 }, () => connect(server.port, '127.0.0.1'));
    for (const socket of sockets) socket.write('GET / HTTP/1.1\r\nHost: x\r\nX-A: ');

    const answers = await Promise.all(sockets.map((socket) => text(socket)));

    for (const answer of answers) expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    await server.close(0);
  });

  it('asks for no body before the request is known to be welcome', async () => {
    const server = await listen((request, response) => {
      if (request.url === '/welcome') letContinue(response);
      else {
        response.writeHead(401).end();
        return;
      }
      request.resume().on('end', () => response.end('read'));
    }, options);
    const send = async (path: string) => {
      const socket = connect(server.port, '127.0.0.1');
      const end = path === '/welcome' ? 'Connection: close\r\n' : '';
      socket.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n${end}Content-Length: 4\r\n\r\n`);
      const [first] = (await once(socket, 'data')) as [Buffer];
      if (first.toString().startsWith('HTTP/1.1 100 ')) socket.write('body');
      return first.toString() + (await text(socket));
    };

    expect(await send('/welcome')).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n[^]*read$/);
    // Whether the body follows is not known, so that the connection cannot be used again.
    expect(await send('/refused')).toMatch(/^HTTP\/1\.1 401 [^]*Connection: close/);
    await server.close(0);
  });

  it('cuts a client that takes nothing of its answer, and only that one', async () => {
    const events = new EventEmitter();
    const cut = once(events, 'cut');
    const server = await listen(
      (request, response) => {
        response.on('close', () => events.emit('cut', request.url));
        // More than any buffer between the two takes.
        if (request.url === '/unread') response.end(Buffer.alloc(64 * 1024 * 1024));
      },
      { ...options, readerMs: 200 },
    );
    const waiting = connect(server.port, '127.0.0.1');
    waiting.write('GET /waiting HTTP/1.1\r\nHost: x\r\n\r\n');
    const socket = connect(server.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.pause();
    socket.write('GET /unread HTTP/1.1\r\nHost: x\r\n\r\n');

    await expect(cut).resolves.toEqual(['/unread']);

    waiting.destroy();
    socket.destroy();
    await server.close(0);
  });

  it('cuts a client that stops reading', async () => {
    const events = new EventEmitter();
    const cut = once(events, 'cut');
    const server = await listen(
      (_request, response) => {
        response.on('close', () => events.emit('cut'));
        // More than any buffer between the two takes.
        response.end(Buffer.alloc(64 * 1024 * 1024));
      },
      { ...options, silenceMs: 200 },
    );
    const socket = connect(server.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.pause();
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');

    await expect(cut).resolves.toBeDefined();

    socket.destroy();
    await server.close(0);
  });

  it('cuts off a body that is not read and does not end in time', async () => {
    const server = await listen(() => undefined, { ...options, requestMs: 50 });
    const socket = connect(server.port, '127.0.0.1');
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345');

    expect(await text(socket)).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/);
    await server.close(0);
  });
});

import { afterEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { connect, type Socket } from 'node:net';
import { buffer, text } from 'node:stream/consumers';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { listen, type Listening } from '../../../src/api/server.js';
import { eventually } from '../../support/eventually.js';

const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
const LAST = 'GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';

describe('requests of one connection', () => {
  const open: Listening[] = [];
  const sockets: Socket[] = [];
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await Promise.all(open.splice(0).map((server) => server.close(0)));
  });

  const serve = async (handle: (request: IncomingMessage, response: ServerResponse) => void | Promise<void>) => {
    const server = await listen((request, response) => void handle(request, response), {
      ...{ host: '127.0.0.1', port: 0, portVariable: 'PORT' },
    });
    open.push(server);
    return server;
  };
  const dial = (server: Listening): Socket => {
    const socket = connect(server.port, '127.0.0.1');
    socket.on('error', () => undefined);
    sockets.push(socket);
    return socket;
  };

  it('are under way one at a time, however many come in a packet, and all are answered', async () => {
    let [under, most, begun] = [0, 0, 0];
    const server = await serve((_request, response) => {
      begun += 1;
      under += 1;
      most = Math.max(most, under);
      setImmediate(() => {
        response.end(`${begun}.`);
        under -= 1;
      });
    });
    const socket = dial(server);
    socket.write(GET.repeat(2_999) + LAST);

    const answer = await text(socket);

    expect(answer.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(3_000);
    expect(answer).toMatch(/2999\.[^]*3000\.$/);
    expect(most).toBe(1);
  });

  it('wait while the answer before them is not taken', async () => {
    let begun = 0;
    const server = await serve((_request, response) => {
      begun += 1;
      response.end(Buffer.alloc(64 * 1024 ** 2));
    });
    const socket = dial(server);
    socket.pause();
    socket.write(GET.repeat(3_000));
    await eventually('a first request', () => begun > 0);

    // Another connection is served meanwhile, several times over.
    for (let count = 0; count < 3; count += 1) {
      const other = dial(server);
      other.write(LAST);
      await buffer(other);
    }
    expect(begun).toBe(4);
  });

  it('leave turns to others: a long row does not hold up the event loop', async () => {
    const server = await serve((_request, response) => void response.end('ok'));
    const socket = dial(server);
    let turns = 0;
    const count = () => {
      turns += 1;
      if (!socket.destroyed) setImmediate(count);
    };
    setImmediate(count);
    socket.write(GET.repeat(499) + LAST);
    await text(socket);

    expect(turns).toBeGreaterThan(499);
  });

  it('are read as they were sent, wherever packets are cut', async () => {
    const server = await serve(async (request, response) => {
      const body = await buffer(request);
      response.end(`<${request.url ?? ''} ${body.toString('hex')}>`);
    });
    const body = fc.array(fc.constantFrom('\r\n', '\r\n\r\n', 'a', '0', '{"b":1}', GET), { maxLength: 6 });
    const request = fc.record({ kind: fc.constantFrom('none', 'length', 'chunked'), body });
    await fc.assert(
      fc.asyncProperty(
        fc.array(request, { minLength: 1, maxLength: 5 }),
        fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 40 }),
        async (requests, cuts) => {
          const bodies = requests.map((each) => (each.kind === 'none' ? '' : each.body.join('')));
          const bytes = requests.map(({ kind }, index) => rawRequest(index, kind, bodies[index] ?? '')).join('') + LAST;
          const socket = dial(server);
          socket.setNoDelay(true);
          const answers = text(socket);
          for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
            const size = cuts[turn] ?? bytes.length;
            await new Promise((resolve) => socket.write(bytes.slice(at, at + size), resolve));
            at += size;
          }

          const told = [...(await answers).matchAll(/<(\S+) (\w*)>/g)].map(([, path, hex]) => `${path} ${hex}`);

          const sent = bodies.map((each, index) => `/${index} ${Buffer.from(each).toString('hex')}`);
          expect(told).toEqual([...sent, '/last ']);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('end when their client goes: what it sent ahead is not begun', async () => {
    let begun = 0;
    let finish: () => void = () => undefined;
    const server = await serve((_request, response) => {
      begun += 1;
      finish = () => void response.end('x'.repeat(1024 ** 2));
    });
    const socket = dial(server);
    socket.write(GET.repeat(50));
    await eventually('a first request', () => begun === 1);
    socket.destroy();
    finish();
    const other = dial(server);
    other.write(LAST);
    await eventually('another connection', () => begun > 1);
    finish();
    await text(other);

    expect(begun).toBe(2);
  });
});

function rawRequest(index: number, kind: string, body: string): string {
  const head = `${kind === 'none' ? 'GET' : 'POST'} /${index} HTTP/1.1\r\nHost: x\r\n`;
  if (kind === 'none') return `${head}\r\n`;
  if (kind === 'length') return `${head}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
  const chunk = body === '' ? '' : `${Buffer.byteLength(body).toString(16)}\r\n${body}\r\n`;
  return `${head}Transfer-Encoding: chunked\r\n\r\n${chunk}0\r\n\r\n`;
}

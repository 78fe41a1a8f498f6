import { describe, expect, it } from '@jest/globals';
import type { Socket } from 'node:net';
import { aRequest, closing, openEgress, textOf } from './egress-fixture.js';
import { httpAnswer, startRawServer } from '../../servers/raw-server.js';

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

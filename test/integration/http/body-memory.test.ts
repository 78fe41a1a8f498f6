import { request } from 'node:http';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { aGateway, aToken, type TestGateway } from '../../support/gateway.js';

const MIB = 1024 ** 2;
const PATH = '/api/v1/import/videos';
const BODY = JSON.stringify({
  systemName: 'cms',
  videos: [{ url: 'https://cdn.example.com/1.mp4', id: '1', fileName: '1.mp4', metadata: {} }],
});

describe('room for bodies', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await aGateway({ settings: { memoryForBodies: 16 * MIB } });
  });
  afterAll(() => gateway.close());

  /** A POST that has said how long its body is, and sends it when told. */
  const begin = async (body: string, length = body.length) => {
    const headers = {
      authorization: `Bearer ${await aToken()}`,
      'content-type': 'application/json',
      'content-length': length,
      expect: '100-continue',
    };
    const sent = request(`${gateway.origin}${PATH}`, { method: 'POST', headers });
    const answered = new Promise<number>((resolve, reject) => {
      sent.on('response', (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      sent.on('error', reject);
    });
    sent.flushHeaders();
    await once(sent, 'continue');
    return { answered, send: () => sent.end(body.padEnd(length)) };
  };

  it('lets a body wait that would not fit beside those under way, and takes it when they are done', async () => {
    const first = await begin(BODY, 10 * MIB);
    const second = await begin(BODY, 10 * MIB);
    const order: string[] = [];
    const done = Promise.all([
      first.answered.then((status) => order.push(`first ${status}`)),
      second.answered.then((status) => order.push(`second ${status}`)),
    ]);
    // All of the second is there before anything of the first.
    second.send();
    const small = await begin(BODY);
    small.send();
    first.send();
    await done;

    expect(order).toEqual(['first 200', 'second 200']);
    expect(await small.answered).toBe(200);
  });

  it('takes a body of the largest size although it needs all the room', async () => {
    const whole = await begin(BODY, 16 * MIB);
    whole.send();

    expect(await whole.answered).toBe(200);
  });

  it('gives the room back of a body that breaks off', async () => {
    const headers = {
      authorization: `Bearer ${await aToken()}`,
      'content-type': 'application/json',
      'content-length': 16 * MIB,
    };
    const cut = request(`${gateway.origin}${PATH}`, { method: 'POST', headers });
    cut.on('error', () => undefined);
    cut.flushHeaders();
    await new Promise<void>((resolve, reject) => {
      cut.write(BODY, (error) => {
        if (error) reject(error);
        else resolve();
      });
    });
    cut.destroy();
    const next = await begin(BODY, 16 * MIB);
    next.send();

    expect(await next.answered).toBe(200);
  });
});

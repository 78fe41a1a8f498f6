import { describe, expect, it } from '@jest/globals';
import { lookup as systemLookup } from 'node:dns/promises';
import { setTimeout } from 'node:timers/promises';
import { createFakeResolver, type FakeAnswer } from '../../support/fake-resolver.js';
import { aRequest, closing, openEgress, textOf } from './egress-fixture.js';
import { httpAnswer, startRawServer } from '../../servers/raw-server.js';

async function startOrigin() {
  return closing(await startRawServer((socket) => socket.end(httpAnswer(200, { connection: 'close' }, 'bytes'))));
}

describe('names behind the door', () => {
  it.each<[string, FakeAnswer]>([
    ['the forbidden loopback only', ['127.0.0.2']],
    ['an allowed and a forbidden address', ['127.0.0.1', '127.0.0.2']],
    ['a public and a private address', ['1.1.1.1', '10.0.0.1']],
    ['the IPv6 loopback', ['::1']],
    ['an IPv4-mapped address', ['::ffff:127.0.0.1']],
  ])('refuses a name that leads to %s', async (_what, answer) => {
    const origin = await startOrigin();
    const { lookup } = createFakeResolver({ 'name.example': answer });
    const egress = openEgress(`127.0.0.1/32:${origin.port}`, { lookup });

    await expect(egress.request(aRequest(`http://name.example:${origin.port}/`))).rejects.toMatchObject({
      code: 'url_not_allowed',
      message: 'The address may not be fetched',
      details: { stage: 'resolve' },
    });
    expect(origin.connections()).toBe(0);
  });

  it('connects to a name whose other answers are NAT64, and keeps the name in the request', async () => {
    const origin = await startOrigin();
    const { lookup } = createFakeResolver({ 'name.example': ['64:ff9b::7f00:1', '127.0.0.1'] });
    const egress = openEgress(`127.0.0.1/32:${origin.port}`, { lookup });

    const answer = await egress.request(aRequest(`http://NAME.example.:${origin.port}/a?b#c`));

    expect(await textOf(answer)).toBe('bytes');
    expect(origin.requests[0]).toMatch(/^GET \/a\?b HTTP\/1\.1\r\n/);
    expect(origin.requests[0]).toContain(`host: name.example:${origin.port}\r\n`);
  });

  it('tries the other vetted addresses when the first one does not answer', async () => {
    const origin = await startOrigin();
    const { lookup } = createFakeResolver({ 'name.example': ['127.0.0.3', '127.0.0.1'] });
    const egress = openEgress(`127.0.0.0/8:${origin.port}`, { lookup });

    const answer = await egress.request(aRequest(`http://name.example:${origin.port}/`));

    expect(await textOf(answer)).toBe('bytes');
  });

  it('does not take the wait for DNS from the time to connect', async () => {
    const origin = await startOrigin();
    const lookup = async () => {
      await setTimeout(2500); // undici counts the time to connect in steps of half a second
      return [{ address: '127.0.0.1', family: 4 }];
    };
    const egress = openEgress(`127.0.0.1/32:${origin.port}`, { lookup, connectTimeoutMs: 200 });

    expect(await textOf(await egress.request(aRequest(`http://name.example:${origin.port}/`)))).toBe('bytes');
  });

  it('dials what it vetted, whatever the name says a moment later', async () => {
    const origin = await startOrigin();
    const zone = { 'name.example': (turn: number) => (turn === 0 ? ['127.0.0.1'] : ['127.0.0.2']) };
    const { lookup, asked } = createFakeResolver(zone);
    const egress = openEgress(`127.0.0.1/32:${origin.port}`, { lookup });
    const url = `http://name.example:${origin.port}/`;

    // The second request resumes on a new connection, as a Range request does after a break.
    await textOf(await egress.request(aRequest(url)));
    await textOf(await egress.request(aRequest(url, { headers: { range: 'bytes=2-' } })));

    expect(asked).toEqual(['name.example']);
    expect(origin.connections()).toBe(2);
  });

  it('refuses a rebound name once the vetted answer is forgotten', async () => {
    const origin = await startOrigin();
    const zone = { 'name.example': (turn: number) => (turn === 0 ? ['127.0.0.1'] : ['127.0.0.2']) };
    const fake = createFakeResolver(zone);
    const url = `http://name.example:${origin.port}/`;
    const attempt = () => openEgress(`127.0.0.1/32:${origin.port}`, { lookup: fake.lookup }).request(aRequest(url));

    await textOf(await attempt());

    await expect(attempt()).rejects.toMatchObject({ code: 'url_not_allowed' });
    expect(origin.connections()).toBe(1);
  });

  it('makes one look-up for many concurrent requests', async () => {
    const origin = await startOrigin();
    const { lookup, asked } = createFakeResolver({ 'name.example': ['127.0.0.1'] });
    const egress = openEgress(`127.0.0.1/32:${origin.port}`, { lookup });
    const requests = Array.from({ length: 20 }, () => egress.request(aRequest(`http://name.example:${origin.port}/`)));

    for (const request of requests) await textOf(await request);

    expect(asked).toEqual(['name.example']);
  });

  it.each<[string, FakeAnswer, object]>([
    ['unknown', 'ENOTFOUND', { stage: 'resolve', maxAttempts: 3 }],
    ['in trouble', 'EAI_AGAIN', { stage: 'resolve' }],
  ])('lives on when a name is %s', async (_what, answer, details) => {
    const { lookup } = createFakeResolver({ 'name.example': answer });
    const egress = openEgress('', { lookup });

    for (const scheme of ['http', 'https']) {
      await expect(egress.request(aRequest(`${scheme}://name.example/`))).rejects.toMatchObject({
        code: 'dns_failed',
        retryable: true,
        details,
      });
    }
  });

  it('gives up a look-up that is never answered after 5 seconds', async () => {
    const { lookup } = createFakeResolver({ 'name.example': 'never' });
    const egress = openEgress('', { lookup, connectTimeoutMs: 30_000 });

    await expect(egress.request(aRequest('http://name.example/'))).rejects.toMatchObject({
      code: 'dns_failed',
      message: 'The name servers did not answer within 5000 ms',
    });
  });

  it('ends at once when the signal aborts during a look-up', async () => {
    const { lookup, asked } = createFakeResolver({ 'name.example': 'never' });
    const egress = openEgress('', { lookup });
    const stop = new AbortController();
    const reason = new Error('stop');

    const pending = egress.request(aRequest('http://name.example/', { signal: stop.signal }));
    stop.abort(reason);

    await expect(pending).rejects.toBe(reason);
    expect(asked.length).toBeLessThanOrEqual(1);
  });

  it('refuses what the system itself resolves to loopback', async () => {
    const egress = openEgress('', { lookup: () => systemLookup('localhost', { all: true }) });

    await expect(egress.request(aRequest('http://anything.example/'))).rejects.toMatchObject({
      code: 'url_not_allowed',
    });
  });
});

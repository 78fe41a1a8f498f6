import { describe, expect, it } from '@jest/globals';
import { createDirectLookup } from '../../../src/egress/resolver.js';
import { aRequest, closing, openEgress, textOf } from './egress-fixture.js';
import { startNameServer, type NameAnswer } from '../../servers/name-server.js';
import { httpAnswer, startRawServer } from '../../servers/raw-server.js';

async function lookupIn(zone: Readonly<Record<string, NameAnswer>>, timeoutMs = 5000) {
  const names = closing(await startNameServer((name) => zone[name] ?? 'unknown'));
  return { names, lookup: createDirectLookup({ timeoutMs, servers: [names.server] }) };
}

describe('asking the name servers directly', () => {
  it('answers the addresses of both families', async () => {
    const { lookup } = await lookupIn({ 'cdn.example': { four: '192.0.2.7', six: '2001:db8::7' } });

    await expect(lookup('cdn.example')).resolves.toEqual([
      { address: '192.0.2.7', family: 4 },
      { address: '2001:db8::7', family: 6 },
    ]);
  });

  it.each<[string, NameAnswer, number]>([
    ['IPv4', { four: '192.0.2.7' }, 4],
    ['IPv6', { six: '2001:db8::7' }, 6],
  ])('answers a name that has %s only', async (_which, answer, family) => {
    const { lookup } = await lookupIn({ 'cdn.example': answer });

    await expect(lookup('cdn.example')).resolves.toMatchObject([{ family }]);
  });

  it.each<[string, NameAnswer]>([
    ['that is unknown', 'unknown'],
    ['without addresses', {}],
  ])('calls nothing final about a name %s, which the hosts file may know', async (_what, answer) => {
    const { lookup } = await lookupIn({ 'cdn.example': answer });

    await expect(lookup('cdn.example')).rejects.toMatchObject({ code: 'EAI_AGAIN' });
  });

  it('withdraws its questions when the time is up', async () => {
    const { lookup, names } = await lookupIn({ 'cdn.example': 'silent' }, 200);
    const begun = performance.now();

    await expect(lookup('cdn.example')).rejects.toMatchObject({ code: 'EAI_AGAIN' });

    expect(performance.now() - begun).toBeLessThan(1400); // the second question would come after 1.5 s
    expect(names.ignored()).toBe(2);
  });

  it('serves a healthy name within seconds while look-ups that hang hold every thread', async () => {
    const origin = closing(await startRawServer((socket) => socket.end(httpAnswer(200, {}, 'bytes'))));
    const { lookup: directLookup } = await lookupIn({ 'healthy.example': { four: '127.0.0.1' } });
    const asked: string[] = [];
    const egress = openEgress(`127.0.0.1/32:${origin.port}`, {
      lookup: (name) => {
        asked.push(name);
        return new Promise(() => undefined);
      },
      directLookup,
    });
    const ask = (name: string) => egress.request(aRequest(`http://${name}:${origin.port}/`));
    const hung = ['a.hole.example', 'b.hole.example'].map((name) => ask(name).catch((error: unknown) => error));

    expect(await textOf(await ask('healthy.example'))).toBe('bytes');

    expect(asked).toEqual(['a.hole.example', 'b.hole.example']);
    for (const one of await Promise.all(hung)) expect(one).toMatchObject({ code: 'dns_failed', retryable: true });
  });

  it('vets what it finds as any other answer', async () => {
    const { lookup: directLookup } = await lookupIn({ 'inner.example': { four: '10.0.0.1' } });
    const egress = openEgress('', { lookup: () => new Promise(() => undefined), directLookup });
    const ask = (name: string) => egress.request(aRequest(`http://${name}/`)).catch((error: unknown) => error);
    const [, , inner] = await Promise.all(['a.hole.example', 'b.hole.example', 'inner.example'].map(ask));

    expect(inner).toMatchObject({ code: 'url_not_allowed', details: { stage: 'resolve' } });
  });
});

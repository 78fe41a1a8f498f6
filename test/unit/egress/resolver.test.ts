import { describe, expect, it } from '@jest/globals';
import { parseAllowList } from '../../../src/egress/addresses.js';
import { createResolver, type ResolverDeps } from '../../../src/egress/resolver.js';
import { createFakeResolver, type FakeZone } from '../../support/fake-resolver.js';

const HOST = 'cdn.example';

function resolverFor(zone: FakeZone, deps: Partial<ResolverDeps> = {}) {
  const { lookup, asked } = createFakeResolver(zone);
  return { asked, resolver: createResolver({ allow: parseAllowList(''), lookup, ...deps }) };
}

describe('createResolver', () => {
  it('answers all addresses of a public name', async () => {
    const { resolver } = resolverFor({ [HOST]: ['1.1.1.1', '2606:4700::1111'] });

    await expect(resolver.resolve(HOST, 443)).resolves.toEqual([
      { address: '1.1.1.1', family: 4 },
      { address: '2606:4700::1111', family: 6 },
    ]);
  });

  it.each([
    ['a private address', ['10.0.0.1']],
    ['a public and a private address', ['1.1.1.1', '10.0.0.1']],
    ['only the IPv6 loopback', ['::1']],
    ['an IPv4-mapped address', ['::ffff:8.8.8.8']],
    ['an address with a zone', ['fe80::1%lo']],
    ['something that is no address', ['localhost']],
    ['nothing but NAT64', ['64:ff9b::8.8.8.8']],
    ['NAT64 and a private address', ['64:ff9b::8.8.8.8', '192.168.0.1']],
  ])('refuses a name with %s', async (_what, addresses) => {
    const { resolver } = resolverFor({ [HOST]: addresses });

    await expect(resolver.resolve(HOST, 443)).rejects.toMatchObject({
      code: 'url_not_allowed',
      message: 'The address may not be fetched',
      details: { stage: 'resolve' },
    });
  });

  it('drops NAT64 answers beside good ones', async () => {
    const { resolver } = resolverFor({ [HOST]: ['64:ff9b::101:101', '1.1.1.1'] });

    await expect(resolver.resolve(HOST, 80)).resolves.toEqual([{ address: '1.1.1.1', family: 4 }]);
  });

  it('takes what the allow list names on its port only, and there nothing else', async () => {
    const allow = parseAllowList('127.0.0.1/32:8080');
    const { resolver } = resolverFor({ [HOST]: ['127.0.0.1'], 'public.example': ['1.1.1.1'] }, { allow });

    await expect(resolver.resolve(HOST, 8080)).resolves.toHaveLength(1);
    await expect(resolver.resolve(HOST, 80)).rejects.toMatchObject({ code: 'url_not_allowed' });
    await expect(resolver.resolve('public.example', 8080)).rejects.toMatchObject({ code: 'url_not_allowed' });
  });

  it('gives an unknown name 3 attempts and a resolver in trouble all of them', async () => {
    const { resolver } = resolverFor({ 'trouble.example': 'EAI_AGAIN', 'empty.example': [] });

    await expect(resolver.resolve('unknown.example', 80)).rejects.toMatchObject({
      code: 'dns_failed',
      retryable: true,
      details: { stage: 'resolve', maxAttempts: 3 },
    });
    for (const name of ['trouble.example', 'empty.example']) {
      await expect(resolver.resolve(name, 80)).rejects.toMatchObject({
        code: 'dns_failed',
        details: { stage: 'resolve' },
      });
      await expect(resolver.resolve(name, 80)).rejects.not.toHaveProperty('details.maxAttempts');
    }
  });

  it('ends a look-up that is never answered, and asks again the next time', async () => {
    const zone = { [HOST]: (turn: number) => (turn === 0 ? ('never' as const) : ['1.1.1.1']) };
    const { resolver } = resolverFor(zone, { timeoutMs: 20 });

    await expect(resolver.resolve(HOST, 80)).rejects.toMatchObject({ code: 'dns_failed', retryable: true });
    await expect(resolver.resolve(HOST, 80)).resolves.toHaveLength(1);
  });

  it('turns a look-up that throws into a rejection', async () => {
    const lookup = () => {
      throw new Error('broken');
    };
    const resolver = createResolver({ allow: parseAllowList(''), lookup });

    await expect(resolver.resolve(HOST, 80)).rejects.toMatchObject({ code: 'dns_failed' });
  });

  it('makes one look-up of concurrent ones and keeps the answer for a while', async () => {
    const { resolver, asked } = resolverFor({ [HOST]: ['1.1.1.1'] });

    await Promise.all([resolver.resolve(HOST, 80), resolver.resolve(HOST, 443), resolver.resolve(HOST, 80)]);
    await resolver.resolve(HOST, 80);

    expect(asked).toEqual([HOST]);
  });

  it('asks again when the answer is too old, and vets the new one', async () => {
    const zone = { [HOST]: (turn: number) => (turn === 0 ? ['1.1.1.1'] : ['127.0.0.1']) };
    const { resolver, asked } = resolverFor(zone, { keepMs: 0 });

    await expect(resolver.resolve(HOST, 80)).resolves.toHaveLength(1);
    await expect(resolver.resolve(HOST, 80)).rejects.toMatchObject({ code: 'url_not_allowed' });
    expect(asked).toHaveLength(2);
  });

  it('does not keep a failure', async () => {
    const zone = { [HOST]: (turn: number) => (turn === 0 ? ('EAI_AGAIN' as const) : ['1.1.1.1']) };
    const { resolver } = resolverFor(zone);

    await expect(resolver.resolve(HOST, 80)).rejects.toMatchObject({ code: 'dns_failed' });
    await expect(resolver.resolve(HOST, 80)).resolves.toHaveLength(1);
  });

  it('forgets the oldest names when there are very many', async () => {
    const names = Array.from({ length: 1001 }, (_, index) => `h${index}.example`);
    const { resolver, asked } = resolverFor(Object.fromEntries(names.map((name) => [name, ['1.1.1.1']])));

    for (const name of names) await resolver.resolve(name, 80);
    await resolver.resolve('h1000.example', 80);
    await resolver.resolve('h0.example', 80);

    expect(asked).toEqual([...names, 'h0.example']);
  });
});

import { describe, expect, it } from '@jest/globals';
import { createHopCookies } from '../../../src/egress/redirects.js';

const SHOP = 'https://www.shop.example/a/b';

/** The Cookie header that a request to `to` carries after `from` has set these. */
function sent(setCookie: string | readonly string[], from: string, to: string): string | undefined {
  const cookies = createHopCookies();
  cookies.keep(new URL(from), { 'set-cookie': setCookie as string[] });
  return cookies.headerFor(new URL(to)).cookie;
}

describe('a cookie that a hop has set', () => {
  it.each<[string, string, string, string]>([
    ['the same host', 'a=1', SHOP, SHOP],
    ['the same host over TLS', 'a=1; Path=/', 'http://www.shop.example/', SHOP],
    ['the same host on another port', 'a=1; Path=/', 'http://www.shop.example/', 'http://www.shop.example:8080/'],
    ['a path below its own', 'a=1; Path=/a', SHOP, 'https://www.shop.example/a/z'],
    ['another host of the domain that it names', 'a=1; Domain=shop.example; Path=/', SHOP, 'https://cdn.shop.example/'],
    ['a secure place when it is secure', '__Host-a=1; Secure; Path=/', SHOP, 'https://www.shop.example/'],
    ['the same address', 'a=1', 'http://192.0.2.1/x', 'http://192.0.2.1/y'],
  ])('is sent to %s', (_where, line, from, to) => {
    expect(sent(line, from, to)).toMatch(/^(__Host-)?a=1$/);
  });

  it.each<[string, string, string, string]>([
    ['another site', 'a=1; Path=/', SHOP, 'https://www.other.example/'],
    ['a subdomain that it does not name', 'a=1; Path=/', 'https://shop.example/', SHOP],
    ['another host of the domain that it does not name', 'a=1; Path=/', SHOP, 'https://cdn.shop.example/'],
    [
      'a site that it names and does not belong to',
      'a=1; Domain=other.example; Path=/',
      SHOP,
      'https://other.example/',
    ],
    ['a whole public suffix', 'a=1; Domain=co.uk; Path=/', 'https://a.co.uk/', 'https://b.co.uk/'],
    ['a private public suffix', 'a=1; Domain=github.io; Path=/', 'https://a.github.io/', 'https://b.github.io/'],
    ['a whole top-level domain', 'a=1; Domain=com; Path=/', 'https://a.com/', 'https://b.com/'],
    ['a path beside its own', 'a=1; Path=/a', SHOP, 'https://www.shop.example/ab'],
    ['a path above the one that set it', 'a=1', SHOP, 'https://www.shop.example/'],
    ['http when it is secure', 'a=1; Secure; Path=/', SHOP, 'http://www.shop.example/'],
    ['anywhere when it says to be secure and was not', 'a=1; Secure; Path=/', 'http://www.shop.example/', SHOP],
    ['anywhere when its name asks for more', '__Host-a=1; Secure; Domain=shop.example; Path=/', SHOP, SHOP],
    ['anywhere when it has expired', 'a=1; Max-Age=0; Path=/', SHOP, SHOP],
    ['anywhere when it is none', ';;;=', SHOP, SHOP],
    ['another address', 'a=1; Path=/', 'http://192.0.2.1/', 'http://192.0.2.2/'],
  ])('is not sent to %s', (_where, line, from, to) => {
    expect(sent(line, from, to)).toBeUndefined();
  });

  it('is replaced and taken back by later ones', () => {
    const cookies = createHopCookies();
    const url = new URL(SHOP);
    cookies.keep(url, { 'set-cookie': ['a=1', 'b=1'] });
    cookies.keep(url, { 'set-cookie': ['a=2', 'b=; Expires=Thu, 01 Jan 1970 00:00:00 GMT'] });
    expect(cookies.headerFor(url)).toEqual({ cookie: 'a=2' });
  });

  it('is given as one string or as several, as undici does', () => {
    expect(sent('a=1', SHOP, SHOP)).toBe('a=1');
    expect(sent(['a=1', 'b=2'], SHOP, SHOP)).toBe('a=1; b=2');
  });

  it('does not make requests grow without bound', () => {
    const many = Array.from({ length: 200 }, (_, n) => `c${n}=1`);
    expect(sent(many, SHOP, SHOP)?.split('; ')).toHaveLength(50);
    expect(sent([`a=${'x'.repeat(5000)}`, 'b=1'], SHOP, SHOP)).toBe('b=1');
    const large = Array.from({ length: 10 }, (_, n) => `c${n}=${'x'.repeat(2000)}`);
    expect(sent(large, SHOP, SHOP)?.length).toBeLessThanOrEqual(6 * 1024);
  });

  it('goes back with the bytes that it came with', () => {
    expect(sent('a=caf\u00c3\u00a9', SHOP, SHOP)).toBe('a=caf\u00c3\u00a9');
  });
});

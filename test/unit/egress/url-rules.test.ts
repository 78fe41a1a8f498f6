import { describe, expect, it } from '@jest/globals';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { isPublicAddress } from '../../../src/egress/address-rules.js';
import { parseAllowList } from '../../../src/egress/allow-list.js';
import { checkUrl } from '../../../src/egress/url-rules.js';
import { attackInputs, FORBIDDEN_HOSTS, FORBIDDEN_URLS, PUBLIC_LOOK_ALIKES } from '../../support/egress-attacks.js';
import { urlSpelling } from '../../support/egress-spellings.js';

const NOTHING = parseAllowList('');
const OTHER_ADDRESS_ON_PORT = parseAllowList('127.9.9.9/32:43211');

function whyOf(raw: unknown, allow = NOTHING): string {
  const verdict = checkUrl(raw, allow);
  return verdict.ok ? 'allowed' : verdict.why;
}

describe('checkUrl', () => {
  it('knows at least 150 attacks', () => {
    expect(new Set([...FORBIDDEN_HOSTS, ...FORBIDDEN_URLS]).size).toBeGreaterThanOrEqual(150);
  });

  it.each(attackInputs(43211).map((raw) => [inspect(raw).slice(0, 100), raw]))('refuses %s', (_name, raw) => {
    expect(checkUrl(raw, OTHER_ADDRESS_ON_PORT)).toEqual({ ok: false, why: expect.any(String) });
  });

  it.each(PUBLIC_LOOK_ALIKES.map((raw) => [raw.slice(0, 100), raw]))('takes the public %s', (_name, raw) => {
    expect(whyOf(raw)).toBe('allowed');
  });

  it.each([
    [7, 'The URL must be a string'],
    [`http://example.com/${'a'.repeat(8192)}`, 'The URL is longer than 8192 bytes'],
    ['http://example.com/a b', 'The URL holds a space, a control character or a backslash'],
    ['ftp://example.com/', 'The URL must be absolute and start with http:// or https://'],
    ['http://user:pw@example.com/', 'The URL must not hold a user name or a password'],
    ['http://[::1/', 'The URL is not valid'],
    ['http://example.com:8080/', 'The port of the URL must be 80 or 443'],
    ['http://10.0.0.1/', 'The address of the URL is not public'],
    ['http://db/', 'The host name of the URL is not a public one'],
  ])('says why it refuses %p', (raw, why) => {
    expect(whyOf(raw)).toBe(why);
  });

  it('takes a URL of exactly 8192 bytes', () => {
    expect(whyOf('http://example.com/'.padEnd(8192, 'a'))).toBe('allowed');
  });

  it('strips one trailing dot of the name and lower-cases it', () => {
    const verdict = checkUrl('HTTP://CDN.Example.COM./a?b', NOTHING);

    expect(verdict).toMatchObject({ ok: true, url: { href: 'http://cdn.example.com/a?b' } });
  });

  it('takes a literal address on the port that the allow list names, and no other address or port', () => {
    const allow = parseAllowList('127.0.0.1/32:43211,[::1/128]:43212');

    expect(whyOf('http://127.0.0.1:43211/x', allow)).toBe('allowed');
    expect(whyOf('http://[::1]:43212/x', allow)).toBe('allowed');
    expect(whyOf('http://127.0.0.2:43211/', allow)).toBe('The address of the URL is not public');
    expect(whyOf('http://127.0.0.1:43212/', allow)).toBe('The address of the URL is not public');
    expect(whyOf('http://127.0.0.1:43213/', allow)).toBe('The port of the URL must be 80 or 443');
    expect(whyOf('http://[::ffff:127.0.0.1]:43211/', allow)).toBe('The address of the URL is not public');
    expect(whyOf('http://8.8.8.8:43211/', allow)).toBe('The address of the URL is not public');
  });

  it('leaves a name on a port of the allow list to the resolver, but not a local one', () => {
    expect(whyOf('http://origin.example:43211/', OTHER_ADDRESS_ON_PORT)).toBe('allowed');
    expect(whyOf('http://localhost:43211/', OTHER_ADDRESS_ON_PORT)).toBe(
      'The host name of the URL is not a public one',
    );
  });

  it('never lets a spelling through that the platform reads as an address that is not public', () => {
    fc.assert(
      fc.property(urlSpelling(43211), (raw) => {
        const verdict = checkUrl(raw, OTHER_ADDRESS_ON_PORT);
        if (!verdict.ok) return;
        const { hostname, username, password, protocol } = verdict.url;
        const host = hostname.replace(/^\[|\]$/g, '');
        expect([protocol === 'http:' || protocol === 'https:', username, password]).toEqual([true, '', '']);
        expect(isPublicAddress(host) || /^[^.:]+(\.[^.:]+)*\.[^.:\d][^.:]*$/.test(host)).toBe(true);
        expect(host.endsWith('localhost')).toBe(false);
      }),
      { numRuns: 3000 },
    );
  });

  it('answers for any host whatever, where URL.canParse and the parser of Node 20 disagree', () => {
    const piece = fc.constantFrom(...Array.from('0123456789.axX%[]:'), '\u00ad', '\u00c2', '\u3002', '%a6', '%e3');
    const host = fc.array(piece, { minLength: 1, maxLength: 10 }).map((pieces) => pieces.join(''));

    fc.assert(
      fc.property(host, (text) => {
        expect(typeof checkUrl(`http://${text}/`, NOTHING).ok).toBe('boolean');
      }),
      { numRuns: 5000 },
    );
  });

  it('answers for any text whatever, without throwing', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.webUrl(), fc.anything()), (raw) => {
        expect(typeof checkUrl(raw, NOTHING).ok).toBe('boolean');
      }),
      { numRuns: 1000 },
    );
  });
});

import { describe, expect, it } from '@jest/globals';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { isPublicAddress, parseAllowList } from '../../../src/egress/addresses.js';
import { checkUrl } from '../../../src/egress/urls.js';
import { attackInputs, FORBIDDEN_HOSTS, FORBIDDEN_URLS, PUBLIC_LOOK_ALIKES } from '../../support/egress-attacks.js';
import { urlSpelling } from '../../support/egress-spellings.js';

const NOTHING = parseAllowList('');
const LOCAL = 'for a local or private origin see EGRESS_ALLOW in docs/configuration.md';
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
    ['ftp://example.com/', 'The URL must be absolute and start with http:// or https://'],
    ['http://user:pw@example.com/', 'The URL must not hold a user name or a password'],
    ['http://[::1/', 'The URL is not valid'],
    ['http://example.com:8080/', `The port of the URL must be 80 or 443; ${LOCAL}`],
    ['http://10.0.0.1/', `The address of the URL is not public; ${LOCAL}`],
    ['http://db/', `The host name of the URL is not a public one; ${LOCAL}`],
    [`http://${'漢'.repeat(342)}/`, 'The host of the URL is longer than 1024 bytes'],
  ])('says why it refuses %p', (raw, why) => {
    expect(whyOf(raw)).toBe(why);
  });

  it.each([
    ['http://example.com/a\\b', 'The URL holds a backslash (U+005C) at character 21'],
    ['https://example.com/😀/a.mp4\n', 'The URL holds a line feed (U+000A) at character 28'],
    ['http://example.com/\u0085', 'The URL holds U+0085 at character 20'],
    ['http://example.com/\ud83d/a', 'The URL holds U+D83D at character 20'],
    ['\ufeffhttp://example.com/', 'The URL holds a byte order mark (U+FEFF) at character 1'],
    [' \u00a0http://example.com/', 'The URL holds a no-break space (U+00A0) at character 2'],
    ['htt\u200bps://example.com/', 'The URL holds a zero-width space (U+200B) at character 4'],
    ['http://exam ple.com/a b', 'The host of the URL holds a space (U+0020) at character 12'],
    [' http://exam\u00a0ple.com/', 'The host of the URL holds a no-break space (U+00A0) at character 13'],
    ['http://%00/', 'The host of the URL holds U+0025 at character 8'],
  ])('names the character and its place in %j', (raw, why) => {
    expect(whyOf(raw)).toBe(why);
  });

  it.each([
    ['http://example.com/Mein Film.mp4?x=a b', 'http://example.com/Mein%20Film.mp4?x=a%20b'],
    ['http://example.com/café/日本.mp4', 'http://example.com/caf%C3%A9/%E6%97%A5%E6%9C%AC.mp4'],
    ['http://example.com/a%20b%C3%A9', 'http://example.com/a%20b%C3%A9'],
    ['http://example.com/a\u200bb\u00a0c\ufeffd\u00ade', 'http://example.com/a%E2%80%8Bb%C2%A0c%EF%BB%BFd%C2%ADe'],
    ['http://exam\u00adple.com/', 'http://example.com/'],
    ['http://exam\u200bple\ufeff.com/', 'http://example.com/'],
    ['  https://example.com/a ', 'https://example.com/a'],
    ['http://bücher.example/ü', 'http://xn--bcher-kva.example/%C3%BC'],
  ])('encodes %j as browsers do', (raw, href) => {
    expect(checkUrl(raw, NOTHING)).toMatchObject({ ok: true, url: { href } });
  });

  it('refuses a long international host before the parser spends its time on it', () => {
    const raw = `http://${'漢字'.repeat(1_300)}/`;
    const before = process.cpuUsage();
    for (let count = 0; count < 1_000; count += 1) checkUrl(raw, NOTHING);
    const { user, system } = process.cpuUsage(before);

    // The parser alone takes 30 s.
    expect((user + system) / 1_000).toBeLessThan(1_000);
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
    expect(whyOf('http://127.0.0.2:43211/', allow)).toBe(`The address of the URL is not public; ${LOCAL}`);
    expect(whyOf('http://127.0.0.1:43212/', allow)).toBe(`The address of the URL is not public; ${LOCAL}`);
    expect(whyOf('http://127.0.0.1:43213/', allow)).toBe(`The port of the URL must be 80 or 443; ${LOCAL}`);
    expect(whyOf('http://[::ffff:127.0.0.1]:43211/', allow)).toBe(`The address of the URL is not public; ${LOCAL}`);
    expect(whyOf('http://8.8.8.8:43211/', allow)).toBe(`The address of the URL is not public; ${LOCAL}`);
  });

  it('leaves a name on a port of the allow list to the resolver, but not a local one', () => {
    expect(whyOf('http://origin.example:43211/', OTHER_ADDRESS_ON_PORT)).toBe('allowed');
    expect(whyOf('http://localhost:43211/', OTHER_ADDRESS_ON_PORT)).toBe(
      `The host name of the URL is not a public one; ${LOCAL}`,
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

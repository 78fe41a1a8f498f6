import { describe, expect, it } from '@jest/globals';
import { parseAllowList } from '../../../src/egress/addresses.js';
import { headersForHop, isRedirect, redirectTarget } from '../../../src/egress/redirects.js';

const NOTHING = parseAllowList('');
const FROM = new URL('https://example.com/a/b?c');

/** A Location as it comes from the wire: its bytes, one a character. */
const asBytes = (text: string) => Buffer.from(text).toString('latin1');

describe('redirectTarget', () => {
  it.each([
    ['/d', 'https://example.com/d'],
    ['d?e', 'https://example.com/a/d?e'],
    ['//cdn.example.com/x', 'https://cdn.example.com/x'],
    ['https://CDN.example.com./my file.pdf', 'https://cdn.example.com/my%20file.pdf'],
    [asBytes('/t/café.mp4'), 'https://example.com/t/caf%C3%A9.mp4'],
    [asBytes('/t/À 日本.mp4?q=ä'), 'https://example.com/t/%C3%80%20%E6%97%A5%E6%9C%AC.mp4?q=%C3%A4'],
    [asBytes('//bücher.example/'), 'https://xn--bcher-kva.example/'],
    ['/t/caf\xe9.mp4', 'https://example.com/t/caf%E9.mp4'],
    ['/t/caf%C3%A9.mp4', 'https://example.com/t/caf%C3%A9.mp4'],
  ])('leads by %p to %p', (location, target) => {
    expect(redirectTarget(FROM, 302, { location }, NOTHING).href).toBe(target);
  });

  it('follows from http to https', () => {
    const target = redirectTarget(new URL('http://example.com/'), 301, { location: 'https://example.com/' }, NOTHING);

    expect(target.href).toBe('https://example.com/');
  });

  it.each([
    ['nowhere', {}, 'The redirect names no single target'],
    ['to the empty target', { location: '' }, 'The redirect names no single target'],
    ['to two targets', { location: ['/a', '/b'] as unknown as string }, 'The redirect names no single target'],
    ['too far', { location: `/${'a'.repeat(8192)}` }, 'The target of the redirect is longer than 8192 bytes'],
    ['to a control character', { location: '/a\tb' }, 'The target of the redirect is not a valid URL'],
    ['to a backslash', { location: '/\\127.0.0.1/' }, 'The target of the redirect is not a valid URL'],
    ['to no URL', { location: 'http://[::1' }, 'The target of the redirect is not a valid URL'],
    [
      'to what URL.canParse of Node 20 calls valid',
      { location: asBytes('http://\u00c2%a67/') },
      'The target of the redirect is not a valid URL',
    ],
    [
      'to a control character in UTF-8',
      { location: asBytes('/a\u0085b') },
      'The target of the redirect is not a valid URL',
    ],
    [
      'to a host of 1,300 international letters',
      { location: asBytes(`//${'漢字'.repeat(650)}/`) },
      'The target of the redirect is not a valid URL',
    ],
    [
      'to a host whose bytes are no UTF-8',
      { location: 'https://b\xfccher.example/' },
      'The target of the redirect is not a valid URL',
    ],
    ['to plain http', { location: 'http://example.com/' }, 'The redirect led from https to http'],
    ...[
      ...[
        'http://127.0.0.1/',
        '//127.0.0.1/',
        '//2130706433/',
        'https://[::1]/',
        'http://169.254.169.254/latest/meta-data/',
      ],
      ...[
        'file:///etc/passwd',
        'ftp://example.com/',
        'data:text/plain,x',
        'https://user:pw@example.com/',
        '//localhost/',
      ],
      ...['https://example.com:8443/', '//metadata.google.internal/', 'https://①②⑦.0.0.1/', 'javascript:alert(1)'],
    ].map(
      (location) =>
        [
          `to ${location}`,
          { location: asBytes(location) },
          'The redirect led to an address that may not be fetched',
        ] as const,
    ),
  ])('refuses to lead %s', (_where, headers, message) => {
    expect(() => redirectTarget(FROM, 302, headers, NOTHING)).toThrow(
      expect.objectContaining({ code: 'redirect_refused', message, details: { stage: 'headers', httpStatus: 302 } }),
    );
  });
});

describe('headersForHop', () => {
  const headers = { Authorization: 'a', cookie: 'b', Host: 'c', range: 'bytes=0-' };

  it('keeps everything within an origin', () => {
    expect(headersForHop(headers, FROM, new URL('https://example.com/other'))).toEqual(headers);
  });

  it.each(['http://example.com/', 'https://www.example.com/', 'https://example.com:80/'])(
    'drops credentials towards %s',
    (to) => {
      expect(headersForHop(headers, FROM, new URL(to))).toEqual({ range: 'bytes=0-' });
    },
  );
});

describe('isRedirect', () => {
  it('follows 301, 302, 303, 307 and 308 only', () => {
    const statuses = Array.from({ length: 500 }, (_, index) => index + 100);

    expect(statuses.filter(isRedirect)).toEqual([301, 302, 303, 307, 308]);
  });
});

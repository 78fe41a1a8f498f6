import { describe, expect, it } from '@jest/globals';
import { parseAllowList } from '../../../src/egress/addresses.js';

describe('parseAllowList', () => {
  it.each(['', ' ', ','])('allows nothing when the text is %p', (text) => {
    const allow = parseAllowList(text);

    expect([...allow.ports]).toEqual([]);
    expect(allow.has('127.0.0.1', 80)).toBe(false);
  });

  it('binds every range to its own port', () => {
    const allow = parseAllowList('127.0.0.1/32:8080, 10.1.0.0/16:9000,[fd00::/8]:9001,192.0.2.7:80');

    expect([...allow.ports]).toEqual([8080, 9000, 9001, 80]);
    expect(allow.has('127.0.0.1', 8080)).toBe(true);
    expect(allow.has('127.0.0.2', 8080)).toBe(false);
    expect(allow.has('127.0.0.1', 9000)).toBe(false);
    expect(allow.has('10.1.255.255', 9000)).toBe(true);
    expect(allow.has('10.2.0.0', 9000)).toBe(false);
    expect(allow.has('fd12::1', 9001)).toBe(true);
    expect(allow.has('fc00::1', 9001)).toBe(false);
    expect(allow.has('192.0.2.7', 80)).toBe(true);
    expect(allow.has('192.0.2.8', 80)).toBe(false);
  });

  it.each(['::ffff:127.0.0.1', '::7f00:1', 'localhost', '127.1', '', '127.0.0.1%lo'])(
    'does not take %p for the allowed 127.0.0.1',
    (address) => {
      expect(parseAllowList('127.0.0.0/8:80').has(address, 80)).toBe(false);
    },
  );

  it.each([
    ...['127.0.0.1', '127.0.0.1:', ':80', '127.0.0.1/33:80', '127.0.0.1/-1:80', '127.0.0.1/:80', '127.0.0.1/8/8:80'],
    ...['127.0.0.1:0', '127.0.0.1:65536', '127.1:80', 'localhost:80', '::1:80', '[127.0.0.1]:80', '[::1/129]:80'],
    ...['*:80', '127.0.0.1/32:80-90', '127.0.0.1/32:http', 'http://127.0.0.1:80', '127.0.0.1/32:80;10.0.0.1:80'],
  ])('refuses %p and names it', (entry) => {
    expect(() => parseAllowList(`127.0.0.9:80,${entry}`)).toThrow(`"${entry}" is not of the form CIDR:port`);
  });
});

import fc from 'fast-check';

function spellAddress(octets: readonly number[], radixes: readonly number[], parts: number): string {
  const head = octets.slice(0, parts - 1);
  const tail = octets.slice(parts - 1).reduce((sum, octet) => sum * 256 + octet, 0);
  return [...head, tail]
    .map((value, index) => {
      const radix = radixes[index] ?? 10;
      return `${radix === 16 ? '0x' : radix === 8 ? '0' : ''}${value.toString(radix)}`;
    })
    .join('.');
}

/** Random spellings of URLs of addresses that are not public, with the tricks of the table combined. */
export function urlSpelling(port: number): fc.Arbitrary<string> {
  const octet = fc.nat(255);
  const address4 = fc.oneof(
    fc.tuple(fc.constantFrom(0, 10, 127, 240, 255), octet, octet, octet),
    fc.tuple(fc.constant(169), fc.constant(254), octet, octet),
    fc.tuple(fc.constant(192), fc.constant(168), octet, octet),
    fc.tuple(fc.constant(172), fc.integer({ min: 16, max: 31 }), octet, octet),
  );
  const radixes = fc.array(fc.constantFrom(8, 10, 16), { minLength: 4, maxLength: 4 });
  const host4 = fc
    .tuple(address4, radixes, fc.integer({ min: 1, max: 4 }))
    .map((spelling) => spellAddress(...spelling));
  const group = (byte: number, next: number) => (byte * 256 + next).toString(16);
  const prefix6 = fc.constantFrom(
    '::',
    '::ffff:',
    '::ffff:0:',
    '64:ff9b::',
    '64:ff9b:1::',
    '2002:',
    '2001:0:',
    'fe80::',
    'fc00::',
  );
  const host6 = fc.tuple(prefix6, address4).map(([prefix, [a, b, c, d]]) => {
    return `[${prefix}${group(a, b)}:${group(c, d)}${prefix.endsWith('::') || prefix.startsWith('::') ? '' : '::'}]`;
  });
  const name = fc.constantFrom(
    'localhost',
    'x.localhost',
    'db',
    'a.internal',
    'metadata.google.internal',
    'x.svc',
    'y.home.arpa',
  );
  const disguise = fc.constantFrom(
    (host: string) => host,
    (host: string) => `${host}.`,
    (host: string) => host.toUpperCase(),
    (host: string) => host.replace(/\./g, '\u3002'),
    (host: string) => host.replace(/[0-9]/g, (digit) => String.fromCodePoint(0xff10 + Number(digit))),
    (host: string) => host.replace(/^./, (first) => `%${first.charCodeAt(0).toString(16)}`),
    (host: string) => `${host.slice(0, 1)}\u00ad${host.slice(1)}`,
    (host: string) => `example.com@${host}`,
    (host: string) => `${host}#@example.com`,
    (host: string) => `${host}\\@example.com`,
  );
  const start = fc.constantFrom(
    'http://',
    'https://',
    'HTTP://',
    'http:/',
    'http:///',
    'http:\\\\',
    ' http://',
    'http:',
  );
  const end = fc.constantFrom('', '/', `:${port}/`, ':80/', ':443/', ':00080/', '/a?b=c', '?x', '#y', ':/');
  return fc
    .tuple(start, fc.oneof(host4, host6, name), disguise, end)
    .map(([scheme, host, hide, rest]) => `${scheme}${hide(host)}${rest}`);
}

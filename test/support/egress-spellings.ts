import { BlockList, isIP } from 'node:net';
import fc from 'fast-check';

/** Networks that the spellings name; kept apart from the tables of the product, so that a gap there shows. */
const INNER = new BlockList();
for (const [network, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['240.0.0.0', 4],
] as const)
  INNER.addSubnet(network, bits, 'ipv4');
const OUTER6 = new BlockList();
OUTER6.addSubnet('2003::', 16, 'ipv6');
OUTER6.addSubnet('2600::', 12, 'ipv6');
OUTER6.addSubnet('2a00::', 12, 'ipv6');

/** Whether a host as the platform normalised it is an address that no spelling here may lead to. */
export function isInnerHost(hostname: string): boolean {
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  const family = isIP(host);
  if (family === 0) return /(^|\.)(localhost|internal|svc|arpa)$/.test(host) || !host.includes('.');
  return family === 4 ? INNER.check(host, 'ipv4') : !OUTER6.check(host, 'ipv6');
}

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

const octet = fc.nat(255);
const radixes = fc.array(fc.constantFrom(8, 10, 16), { minLength: 4, maxLength: 4 });

const inner4 = fc.oneof(
  { weight: 3, arbitrary: fc.constant([127, 0, 0, 1] as const) },
  { weight: 3, arbitrary: fc.constant([127, 0, 0, 2] as const) },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom(0, 10, 127, 240, 255), octet, octet, octet) },
  { weight: 1, arbitrary: fc.tuple(fc.constant(169), fc.constant(254), octet, octet) },
  { weight: 1, arbitrary: fc.tuple(fc.constant(192), fc.constant(168), octet, octet) },
  { weight: 1, arbitrary: fc.tuple(fc.constant(172), fc.integer({ min: 16, max: 31 }), octet, octet) },
);

const group = (byte: number, next: number) => (byte * 256 + next).toString(16);
const PREFIXES = [
  '::',
  '::ffff:',
  '::FFFF:',
  '::ffff:0:',
  '64:ff9b::',
  '64:ff9b:1::',
  '2002:',
  '2001:0:',
  'fe80::',
  'fc00::',
];

const host4 = fc.tuple(inner4, radixes, fc.integer({ min: 1, max: 4 })).map((spelling) => spellAddress(...spelling));
const host6 = fc.oneof(
  fc.tuple(fc.constantFrom(...PREFIXES), inner4, fc.boolean()).map(([prefix, [a, b, c, d], dotted]) => {
    if (prefix === '2002:' || prefix === '2001:0:') return `[${prefix}${group(a, b)}:${group(c, d)}::]`;
    return dotted ? `[${prefix}${a}.${b}.${c}.${d}]` : `[${prefix}${group(a, b)}:${group(c, d)}]`;
  }),
  fc.constantFrom(
    '[::1]',
    '[::]',
    '[0:0:0:0:0:0:0:1]',
    '[::0001]',
    '[fe80::1%25lo]',
    '[::1%25lo]',
    '[ff02::1]',
    '[3fff::1]',
  ),
);
const innerName = fc.constantFrom(
  ...['localhost', 'x.localhost', 'db', 'a.internal', 'metadata.google.internal', 'x.svc', 'y.home.arpa'],
);

/** Digits and dots of other scripts that IDNA maps to plain ones (UTS 46): full-width, mathematical, enclosed. */
function otherDigits(host: string, zero: number): string {
  return host.replace(/[0-9]/g, (digit) => String.fromCodePoint(zero + Number(digit)));
}
function percent(host: string): string {
  return host.replace(/./g, (char) => `%${char.charCodeAt(0).toString(16)}`);
}

const disguise = fc.constantFrom<(host: string) => string>(
  (host) => host,
  (host) => `${host}.`,
  (host) => `${host}..`,
  (host) => host.toUpperCase(),
  (host) => host.replace(/\./g, '\u3002'),
  (host) => host.replace(/\./g, '\uff61'),
  (host) => host.replace('.', '\uff0e'),
  (host) => otherDigits(host, 0xff10),
  (host) => otherDigits(host, 0x1d7ce),
  (host) => host.replace(/[1-9]/g, (digit) => String.fromCodePoint(0x245f + Number(digit))),
  (host) => host.replace(/^./, percent),
  percent,
  (host) => host.replaceAll('.', '%2e'),
  (host) => host.replaceAll('.', '%E3%80%82'),
  (host) => `${host.slice(0, 1)}\u00ad${host.slice(1)}`,
  (host) => `${host.slice(0, 1)}\u200b${host.slice(1)}`,
  (host) => `\u2060${host}`,
  (host) => `${host.slice(0, 1)}\t${host.slice(1)}`,
  (host) => `${host}\u0000.example.com`,
  (host) => `example.com@${host}`,
  (host) => `example.com:80@${host}`,
  (host) => `example.com%2f@${host}`,
  (host) => `:@${host}`,
  (host) => `${host}#@example.com`,
  (host) => `${host}\\@example.com`,
  (host) => `example.com\\@${host}`,
  (host) => `[${host}]`,
  (host) => `0${host}`,
);
const START = [
  'http://',
  'https://',
  'HTTP://',
  'hTTps://',
  'http:/',
  'http:///',
  'http:\\\\',
  ' http://',
  'http:',
  '//',
  'ht\ntp://',
];
const start = fc.oneof({ weight: 3, arbitrary: fc.constantFrom('http://', 'https://') }, fc.constantFrom(...START));

function ends(ports: readonly number[]): fc.Arbitrary<string> {
  const port = fc.constantFrom('', ':80', ':443', ':00080', ':', ...ports.map((number) => `:${number}`));
  const path = fc.constantFrom(
    '',
    '/',
    '/a?b=c',
    '?x',
    '#y',
    '/\\x',
    '/%00',
    '/a b',
    '\\',
    '/\r\nx: y',
    '/@example.com',
  );
  return fc.tuple(port, path).map((parts) => parts.join(''));
}

/** Random spellings of URLs of addresses that are not public, with the tricks of the table combined; some are no URLs at all. */
export function urlSpelling(...ports: readonly number[]): fc.Arbitrary<string> {
  return fc
    .tuple(start, fc.oneof(host4, host6, innerName), disguise, ends(ports))
    .map(([scheme, host, hide, rest]) => `${scheme}${hide(host)}${rest}`);
}

/** The harmless neighbours of the spellings: public addresses and names in the same clothes, which all of the rules have to let pass. */
export function publicLookAlike(): fc.Arbitrary<string> {
  const address = fc.tuple(fc.constantFrom(1, 8, 9, 11, 93, 126, 128, 151), octet, octet, octet);
  const plain = fc.tuple(address, radixes, fc.integer({ min: 1, max: 4 })).map((spelling) => spellAddress(...spelling));
  const six = fc.tuple(octet, octet).map(([a, b]) => `[2600:${group(a, b)}::${group(b, a)}]`);
  const name = fc.constantFrom(
    'example.com',
    'localhost.example.com',
    '127.0.0.1.example.com',
    'internal.dev',
    'svc.org',
  );
  const clothes = fc.constantFrom<(host: string) => string>(
    (host) => host,
    (host) => host.toUpperCase(),
    (host) => (host.startsWith('[') ? host : `${host}.`),
    (host) => host.replace(/\./g, '\u3002'),
    (host) => (host.startsWith('[') ? host : otherDigits(host, 0xff10)),
    (host) => (host.startsWith('[') ? host : percent(host)),
  );
  const rest = fc.constantFrom(
    '',
    '/',
    ':80/',
    ':443',
    '/@127.0.0.1',
    '?u=http://127.0.0.1/',
    '#@127.0.0.1',
    '/%00%5c',
  );
  return fc
    .tuple(fc.constantFrom('http://', 'https://', 'HTTP://'), fc.oneof(plain, six, name), clothes, rest)
    .map(([scheme, host, dress, end]) => `${scheme}${dress(host)}${end}`);
}

import { isIP, BlockList } from 'node:net';
import ipaddr from 'ipaddr.js';
import { ImportError, REASONS, type Stage } from '../domain/errors.js';

/** The one refusal, with the same sentence for every cause: anything more would let a URL probe the network behind us. */
export function notAllowed(stage: Stage): ImportError {
  return new ImportError('url_not_allowed', REASONS.url_not_allowed.title, { stage });
}

/** Addresses that are let through although the rules refuse them, each with its one port. For tests and closed networks. */
export interface AllowList {
  /** Every port that an entry names. */
  readonly ports: ReadonlySet<number>;
  has(address: string, port: number): boolean;
}

interface AllowEntry {
  readonly network: ipaddr.IPv4 | ipaddr.IPv6;
  readonly bits: number;
  readonly port: number;
}

const ENTRY = /^(?:\[([^[\]]+)\]|([^:[\]]+)):(\d{1,5})$/;

function parseEntry(text: string): AllowEntry {
  const [, inBrackets, plain, portText] = ENTRY.exec(text) ?? [];
  const [network = '', bitsText, ...rest] = (inBrackets ?? plain ?? '').split('/');
  const family = isIP(network);
  const widest = family === 4 ? 32 : 128;
  const bits = bitsText === undefined ? widest : /^\d{1,3}$/.test(bitsText) ? Number(bitsText) : NaN;
  const port = Number(portText);
  const bracketsFit = (family === 6) === (inBrackets !== undefined);
  if (family === 0 || rest.length > 0 || !bracketsFit || !(bits <= widest) || !(port >= 1 && port <= 65_535)) {
    throw new Error(`"${text}" is not of the form CIDR:port, such as 127.0.0.1/32:8080 or [::1/128]:8080`);
  }
  return { network: ipaddr.parse(network), bits, port };
}

/**
 * Reads `EGRESS_ALLOW`: `CIDR:port` entries separated by commas, IPv6 in brackets (`[::1/128]:8080`); an address without a
 * prefix is a single one. An empty text allows nothing. An IPv4 entry does not let its IPv4-mapped IPv6 spelling through.
 * @throws Error that names the entry that cannot be read
 */
export function parseAllowList(text: string): AllowList {
  const entries = text
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
    .map(parseEntry);
  return {
    ports: new Set(entries.map((entry) => entry.port)),
    has(address, port) {
      if (isIP(address) === 0 || address.includes('%')) return false;
      const parsed = ipaddr.parse(address);
      return entries.some(
        (entry) =>
          entry.port === port && entry.network.kind() === parsed.kind() && parsed.match([entry.network, entry.bits]),
      );
    },
  };
}

/**
 * IANA IPv4 Special-Purpose Address Registry (RFC 6890 and successors), its globally reachable entries (AS112, AMT, PCP/TURN
 * anycast) included because none of them serves files, plus multicast and the one address of Azure's host agent.
 */
const IPV4_REFUSED = [
  '0.0.0.0/8', // "this network"; Linux dials 0.0.0.0 as loopback
  '10.0.0.0/8',
  '100.64.0.0/10', // carrier-grade NAT, holds Alibaba's metadata address
  '127.0.0.0/8',
  '168.63.129.16/32', // Azure wireserver: publicly numbered, answers inside of Azure only
  '169.254.0.0/16', // link-local, holds the metadata address of most clouds
  '172.16.0.0/12',
  '192.0.0.0/24', // IETF protocol assignments, holds Oracle's metadata address
  '192.0.2.0/24',
  '192.31.196.0/24',
  '192.52.193.0/24',
  '192.88.99.0/24', // 6to4 relay anycast, deprecated
  '192.168.0.0/16',
  '192.175.48.0/24',
  '198.18.0.0/15', // benchmarking
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4', // multicast
  '240.0.0.0/4', // reserved, ends with the broadcast address
] as const;

/** What is not public inside of 2000::/3 (IANA IPv6 Special-Purpose Address Registry); everything outside of it is refused. */
const IPV6_REFUSED = [
  '2001::/23', // IETF protocol assignments: Teredo, benchmarking, ORCHID
  '2001:db8::/32',
  '2002::/16', // 6to4 carries an IPv4 address
  '2620:4f:8000::/48', // AS112
  '3ffe::/16', // 6bone, given back (RFC 3701)
  '3fff::/20', // documentation (RFC 9637)
] as const;

function blockList(ranges: readonly string[], family: 'ipv4' | 'ipv6'): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [network = '', bits] = range.split('/');
    list.addSubnet(network, Number(bits), family);
  }
  return list;
}

const refused4 = blockList(IPV4_REFUSED, 'ipv4');
const refused6 = blockList(IPV6_REFUSED, 'ipv6');
/** The only space from which global unicast addresses are given out (RFC 4291 section 2.4, IANA). */
const globalUnicast6 = blockList(['2000::/3'], 'ipv6');
const nat64 = blockList(['64:ff9b::/96'], 'ipv6');

/**
 * Whether an address belongs to the public internet. Anything that is not a plain IPv4 or IPv6 address (a zone, a name) does
 * not. IPv4-mapped and IPv4-compatible IPv6 are refused whatever they carry: no public host is named that way. ipaddr.js has
 * to agree, so that a gap in one table does not open the door.
 */
export function isPublicAddress(address: string): boolean {
  if (address.includes('%')) return false;
  const family = isIP(address);
  if (family === 0) return false;
  const listed =
    family === 4
      ? refused4.check(address, 'ipv4')
      : !globalUnicast6.check(address, 'ipv6') || refused6.check(address, 'ipv6');
  return !listed && ipaddr.parse(address).range() === 'unicast';
}

/** Whether an address is what a DNS64 resolver makes up beside the real IPv4 answer (RFC 6052, 64:ff9b::/96). */
export function isNat64Address(address: string): boolean {
  return !address.includes('%') && isIP(address) === 6 && nat64.check(address, 'ipv6');
}

/** Media is served from the web's two ports; every other port is some other service that a URL must not be able to reach. */
export const WEB_PORTS: ReadonlySet<number> = new Set([80, 443]);

/** Whether this address may be dialled on this port: a public one on a web port, or what the allow list names exactly. */
export function isPermitted(address: string, port: number, allow: AllowList): boolean {
  return (WEB_PORTS.has(port) && isPublicAddress(address)) || allow.has(address, port);
}

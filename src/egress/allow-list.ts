import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

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

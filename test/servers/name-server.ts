import { createSocket } from 'node:dgram';
import { once } from 'node:events';

/** Addresses by family; `silent` never answers, `unknown` is NXDOMAIN. */
export type NameAnswer = { readonly four?: string; readonly six?: string } | 'silent' | 'unknown';

const TYPE_A = 1;
const TYPE_AAAA = 28;

function nameAt(query: Buffer): { readonly name: string; readonly end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query.readUInt8(at); length > 0; length = query.readUInt8(at)) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += length + 1;
  }
  return { name: labels.join('.').toLowerCase(), end: at + 1 };
}

function bytesOf(address: string): Buffer {
  if (address.includes('.')) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail = ''] = address.split('::');
  const groups = (text: string) => text.split(':').filter((group) => group !== '');
  const zeros = Array.from({ length: 8 - groups(head).length - groups(tail).length }, () => '0');
  return Buffer.from(
    [...groups(head), ...zeros, ...groups(tail)].map((group) => group.padStart(4, '0')).join(''),
    'hex',
  );
}

function reply(query: Buffer, end: number, code: number, records: readonly Buffer[]): Buffer {
  const header = Buffer.from(query.subarray(0, 12));
  header.writeUInt16BE(0x8180 | code, 2);
  header.writeUInt16BE(records.length, 6);
  header.fill(0, 8);
  return Buffer.concat([header, query.subarray(12, end + 4), ...records]);
}

/** A name server on UDP (RFC 1035 section 4) that answers A and AAAA as told, and counts the questions it is silent about. */
export async function startNameServer(zone: (name: string) => NameAnswer, port = 0, host = '127.0.0.1') {
  let ignored = 0;
  const socket = createSocket('udp4', (query, from) => {
    const { name, end } = nameAt(query);
    const type = query.readUInt16BE(end);
    const answer = zone(name);
    if (answer === 'silent') {
      ignored += 1;
      return;
    }
    const address = answer === 'unknown' ? undefined : type === TYPE_A ? answer.four : answer.six;
    const isAsked = type === TYPE_A || type === TYPE_AAAA;
    const bytes = address === undefined || !isAsked ? undefined : bytesOf(address);
    // Name by pointer to the question, class IN, TTL 0.
    const fixed = Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 0, 0, bytes?.length ?? 0]);
    const records = bytes === undefined ? [] : [Buffer.concat([fixed, bytes])];
    socket.send(reply(query, end, answer === 'unknown' ? 3 : 0, records), from.port, from.address);
  });
  socket.bind(port, host);
  await once(socket, 'listening');
  return {
    server: `${host}:${socket.address().port}`,
    ignored: () => ignored,
    close: () =>
      new Promise<void>((resolve) => {
        socket.close(resolve);
      }),
  };
}

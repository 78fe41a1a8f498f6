import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';

const JSON_TYPE = 'application/json';
const NDJSON_TYPE = 'application/x-ndjson';
const CSV_TYPE = 'text/csv';
const MIB = 1024 ** 2;

/** A body that costs, or once cost, far more than it looks. */
export interface HostileBody {
  /** What it does, as the object of "takes". */
  readonly name: string;
  /** What it costs most of. Fifty at once of those that cost time would cost minutes. */
  readonly costs: 'memory' | 'time';
  readonly type: string;
  readonly query?: string;
  readonly isPacked?: boolean;
  /** The bytes on the wire. Built when asked for: together they are large. */
  readonly body: () => Buffer;
  /** What it may be answered. */
  readonly statuses: readonly number[];
}

const item = (id: string, changes: object = {}) => ({
  ...{ url: `https://cdn.example.com/${id}.mp4`, id, fileName: id, metadata: {} },
  ...changes,
});
const batch = (videos: readonly unknown[]) => JSON.stringify({ systemName: 's', videos });
const lines = (text: string) => Buffer.from(`{"systemName":"s"}\n${text}`);
const manyKeys = (count: number) => Array.from({ length: count }, (_, index) => `"k${index}":0`).join(',');
const emptyObjects = (bytes: number) => `[${'{},'.repeat(bytes / 3)}{}]`;
const noisy = (bytes: number) =>
  Array.from({ length: bytes / 8_192 }, () => `"${randomBytes(60).toString('hex')}",${'{},'.repeat(2_690)}0`).join(',');
const withMetadata = (metadata: string, id = 'a') => JSON.stringify(item(id)).replace('{}', metadata);

/** The worst bodies of which is known. A further one is a further row: it is then sent, and the delay of others measured. */
export const HOSTILE_BODIES: readonly HostileBody[] = [
  {
    name: 'a key of 1 MiB with 12,000 bad keys below it',
    costs: 'time',
    type: JSON_TYPE,
    isPacked: true,
    body: () => {
      const children = Object.fromEntries(Array.from({ length: 12_000 }, (_, index) => [`$${index}`, 0]));
      return gzipSync(batch([item('a', { metadata: { ['k'.repeat(MIB)]: children } })]));
    },
    statuses: [400, 413],
  },
  {
    name: 'a key of 1 MiB with 12,000 bad keys below it, on a line',
    costs: 'time',
    type: NDJSON_TYPE,
    body: () => {
      const children = Object.fromEntries(Array.from({ length: 12_000 }, (_, index) => [`$${index}`, 0]));
      return lines(`${JSON.stringify(item('a', { metadata: { ['k'.repeat(MIB)]: children } }))}\n`);
    },
    statuses: [400],
  },
  {
    name: 'a million unknown keys of an item',
    costs: 'memory',
    type: JSON_TYPE,
    body: () => Buffer.from(`{"systemName":"s","videos":[{${manyKeys(1_000_000)}}]}`),
    statuses: [400],
  },
  {
    name: 'a million unknown keys of a batch',
    costs: 'memory',
    type: JSON_TYPE,
    body: () => Buffer.from(`{"systemName":"s",${manyKeys(1_000_000)},"videos":[]}`),
    statuses: [400],
  },
  {
    name: '15.8 MiB of empty objects in the metadata of an item',
    costs: 'memory',
    type: JSON_TYPE,
    isPacked: true,
    body: () =>
      // A little noise keeps it below the limit of 100:1.
      gzipSync(`{"systemName":"s","videos":[${withMetadata(`{"a":[${noisy(15.8 * MIB)}]}`)}]}`),
    statuses: [400],
  },
  {
    name: '15.8 MiB of empty objects in the metadata of an item, unpacked',
    costs: 'memory',
    type: JSON_TYPE,
    body: () => Buffer.from(`{"systemName":"s","videos":[${withMetadata(`{"a":${emptyObjects(15.8 * MIB)}}`)}]}`),
    statuses: [400],
  },
  {
    name: '15.8 MiB of empty objects in the place of items',
    costs: 'memory',
    type: JSON_TYPE,
    body: () => Buffer.from(`{"systemName":"s","videos":${emptyObjects(15.8 * MIB)}}`),
    statuses: [400],
  },
  {
    name: '15 MB of empty strings in the place of items',
    costs: 'memory',
    type: JSON_TYPE,
    body: () => Buffer.from(`{"systemName":"s","videos":[${'"",'.repeat(5_000_000)}""]}`),
    statuses: [400],
  },
  {
    name: '15 MB of empty strings in the metadata of an item',
    costs: 'memory',
    type: JSON_TYPE,
    body: () => Buffer.from(`{"systemName":"s","videos":[${withMetadata(`{"a":[${'"",'.repeat(5_000_000)}""]}`)}]}`),
    statuses: [400],
  },
  {
    name: '15 MB of empty strings beside the items',
    costs: 'memory',
    type: JSON_TYPE,
    body: () => Buffer.from(`{"systemName":"s","a":[${'"",'.repeat(5_000_000)}""],"videos":[]}`),
    statuses: [400],
  },
  {
    name: '15 MB of integers that no number holds',
    costs: 'memory',
    type: JSON_TYPE,
    body: () => {
      const list = `[${'9007199254740993,'.repeat(9_000)}0]`;
      const videos = Array.from({ length: 98 }, (_, index) => withMetadata(`{"a":${list}}`, `i${index}`));
      return Buffer.from(`{"systemName":"s","videos":[${videos.join(',')}]}`);
    },
    statuses: [400],
  },
  {
    name: '90,000 columns of CSV and rows as wide',
    costs: 'time',
    type: CSV_TYPE,
    query: '?systemName=s',
    body: () => {
      const names = Array.from({ length: 90_000 }, (_, index) => `metadata.k${index}`);
      return Buffer.from(`url,id,fileName,${names.join(',')}\n${`${'a,'.repeat(90_003)}\n`.repeat(10)}`);
    },
    statuses: [400],
  },
  {
    name: '8 rows of CSV with a million cells each',
    costs: 'memory',
    type: CSV_TYPE,
    query: '?systemName=s',
    body: () => Buffer.from(`url,id,fileName\n${`${'a,'.repeat(1_000_000)}\n`.repeat(8)}`),
    statuses: [400],
  },
  {
    name: '4 rows of CSV with two million blank cells each, quoted at the front',
    costs: 'memory',
    type: CSV_TYPE,
    query: '?systemName=s',
    body: () =>
      Buffer.from(`url,id,fileName\n${`"https://cdn.example.com/a.mp4",a,a${','.repeat(2_000_000)}\n`.repeat(4)}`),
    statuses: [400],
  },
  {
    name: 'a quoted cell of CSV with half a million lines',
    costs: 'memory',
    type: CSV_TYPE,
    query: '?systemName=s',
    body: () => Buffer.from(`url,id,fileName\na,b,"${'xy\n'.repeat(500_000)}"\n`),
    statuses: [400],
  },
  ...(
    [
      ['text', (bytes: number) => `"${'x'.repeat(bytes)}"`],
      ['lines', (bytes: number) => `"${'x\n'.repeat(bytes / 2)}"`],
      ['doubled quotes that ends in a mistake', (bytes: number) => `"${'""'.repeat(bytes / 2)}"x`],
    ] as const
  ).map(([what, cell]): HostileBody => ({
    name: `4 quoted cells of CSV with 2 MiB of ${what} each`,
    costs: 'time',
    type: CSV_TYPE,
    query: '?systemName=s',
    body: () =>
      Buffer.from(`url,id,fileName,metadata.a\n${`https://cdn.example.com/a,a,a,${cell(2 * MIB - 100)}\n`.repeat(4)}`),
    statuses: [400],
  })),
  {
    name: '200 lines with host names of 2,600 letters beyond ASCII',
    costs: 'time',
    type: NDJSON_TYPE,
    body: () => {
      // Punycode takes the square of the length of a label (RFC 3492 section 6.3).
      const hostOf = (index: number) => String.fromCodePoint(0x4e00 + index) + 'ü'.repeat(2_600);
      const items = Array.from({ length: 200 }, (_, index) =>
        item(`i${index}`, { url: `https://${hostOf(index)}.example/` }),
      );
      return lines(items.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
    },
    statuses: [400],
  },
  {
    name: 'a text of 15.8 MiB',
    costs: 'memory',
    type: JSON_TYPE,
    body: () => Buffer.from(batch([item('a', { metadata: { text: '\n'.repeat(7.9 * MIB) } })])),
    statuses: [400],
  },
  {
    name: '150 levels of lists, 50,000 times',
    costs: 'memory',
    type: JSON_TYPE,
    body: () => {
      const deep = `${'['.repeat(150)}${']'.repeat(150)}`;
      return Buffer.from(`{"systemName":"s","videos":[${withMetadata(`{"a":[${`${deep},`.repeat(50_000)}0]}`)}]}`);
    },
    statuses: [400],
  },
  {
    name: '4 million empty lines, packed into 4 KB',
    costs: 'time',
    type: NDJSON_TYPE,
    isPacked: true,
    body: () => gzipSync(lines('\n'.repeat(4_000_000))),
    statuses: [400, 413],
  },
  {
    name: '8 million empty lines',
    costs: 'time',
    type: NDJSON_TYPE,
    body: () => lines('\n'.repeat(8_000_000)),
    statuses: [400],
  },
  {
    name: '4 million lines of white space',
    costs: 'time',
    type: NDJSON_TYPE,
    body: () => lines(' \r\n'.repeat(4_000_000)),
    statuses: [400],
  },
  {
    name: '2 million bad lines',
    costs: 'time',
    type: NDJSON_TYPE,
    body: () => lines('x\n'.repeat(2_000_000)),
    statuses: [400],
  },
  {
    name: '2 million bad lines of a partial batch',
    costs: 'time',
    type: NDJSON_TYPE,
    query: '?partial=true',
    body: () => lines(`${JSON.stringify(item('a'))}\n${'x\n'.repeat(2_000_000)}`),
    statuses: [400],
  },
  {
    name: '2 million lines that are lists, of a partial batch',
    costs: 'time',
    type: NDJSON_TYPE,
    query: '?partial=true',
    body: () => lines(`${JSON.stringify(item('a'))}\n${'[]\n'.repeat(2_000_000)}`),
    statuses: [400],
  },
  {
    name: '1,000 lines with 100 long problems each, of a partial batch',
    costs: 'memory',
    type: NDJSON_TYPE,
    query: '?partial=true',
    body: () => {
      const children = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`$${index}`, 0]));
      const bad = JSON.stringify(item('b', { metadata: { ['k'.repeat(280)]: children } }));
      return lines(`${JSON.stringify(item('a'))}\n${`${bad}\n`.repeat(1_000)}`);
    },
    statuses: [200],
  },
  {
    name: '7 lines of 2 MiB with 5,000 values each',
    costs: 'memory',
    type: NDJSON_TYPE,
    query: '?partial=true',
    body: () => {
      const text = 'x'.repeat(190);
      const metadata = `{"a":[${`"${text}",`.repeat(4_900)}{}]}`;
      return lines(Array.from({ length: 7 }, (_, index) => `${withMetadata(metadata, `l${index}`)}\n`).join(''));
    },
    statuses: [200],
  },
  {
    name: '10,000 items of 1.6 KiB',
    costs: 'memory',
    type: JSON_TYPE,
    body: () => {
      const text = 'x'.repeat(1_450);
      return Buffer.from(
        batch(Array.from({ length: 10_000 }, (_, index) => item(`i${index}`, { metadata: { text } }))),
      );
    },
    statuses: [200],
  },
];

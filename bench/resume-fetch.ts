import { createFsBlobStore } from '../src/blobs/fs/store.js';
import { defaultMediaTypes } from '../src/domain/media-types.js';
import { parseAllowList } from '../src/egress/addresses.js';
import { createEgress } from '../src/egress/create-egress.js';
import { createSource } from '../src/download/fetch.js';

/** What the process tells its parent: how far it is, and at last what it stored. */
export interface FetchReport {
  /** Bytes of the file that are here: kept ones and received ones. */
  readonly at: number;
  /** Largest resident set so far. */
  readonly peakRssMib: number;
  readonly sha256?: string;
}

const REPORT_BYTES = 4 * 1024 * 1024;

/** One attempt at a download, in a process that may be killed: `resume-fetch.ts <url> <folder>`. */
const [url = '', root = ''] = process.argv.slice(2);
const egress = createEgress({
  allow: parseAllowList(`127.0.0.1/32:${new URL(url).port}`),
  connectTimeoutMs: 10_000,
  hostMaxConnections: 4,
});
const blobs = createFsBlobStore({ root });
const limits = { headersTimeoutMs: 30_000, idleTimeoutMs: 60_000, minSpeedBytesPerSecond: 1, minSpeedWindowMs: 60_000 };
const source = createSource({ egress, blobs, limits: { ...limits, maxBytes: 2 ** 40, maxRedirects: 0 } });
const mediaType = defaultMediaTypes().get('video');
if (mediaType === undefined) throw new Error('There is no media type for videos');

function report(at: number, sha256?: string): void {
  const peakRssMib = Math.round(process.resourceUsage().maxRSS / 1024);
  process.send?.({ at, peakRssMib, ...(sha256 === undefined ? {} : { sha256 }) } satisfies FetchReport);
}

let begun: number | undefined;
let reported = 0;
const answer = await source.fetch({
  url,
  mediaType,
  signal: new AbortController().signal,
  partKey: 'bench:resume',
  onProgress({ offset, received }) {
    // While kept bytes are read back nothing has been received, and the offset is where the download goes on.
    begun ??= received === 0 ? offset : 0;
    if (received - reported < REPORT_BYTES) return;
    reported = received;
    report(begun + received);
  },
});
if (answer.kind === 'fetched') report(answer.asset.bytes, answer.asset.sha256);
await Promise.all([egress.close(), blobs.close()]);
process.disconnect();

import { aVideo, rangedFile, sha256Of, type RangedFileOptions } from '../../support/ranged-file.js';
import { failed, success, type Fault } from './fault.js';

const MIB = 1024 ** 2;

/** Just enough to be kept between attempts. */
const body = aVideo(9 * MIB);
const asset = { sha256: sha256Of(body), bytes: body.byteLength, mimeType: 'video/mp4', lengthVerified: true };

const FILE = { body, etag: '"v1"', type: 'video/mp4' };

/** A file that breaks off once, at 5 MiB, and is then served as told. A sweep looks at its headers only. */
function breakingOff({ cuts = [5 * MIB], ...options }: Partial<RangedFileOptions>): NonNullable<Fault['answer']> {
  return ({ swept }) => rangedFile({ ...FILE, ...options, cuts: swept ? [Infinity, ...cuts] : cuts }).handler;
}

/** A file that is another one at every request, and breaks off this often. */
function changing(times: number): NonNullable<Fault['answer']> {
  return ({ swept }) => {
    let seen = 0;
    const cuts = Array.from({ length: times }, () => MIB);
    const file = rangedFile({ ...FILE, cuts: swept ? [Infinity, ...cuts] : cuts });
    return (request, response) => {
      seen += 1;
      file.become({ ...FILE, etag: `"v${seen}"` });
      file.handler(request, response);
    };
  };
}

/** From 8 MiB on, with a strong ETag: what has come is kept, and the next attempt asks for the rest. */
export const LARGE_FILE_FAULTS: readonly Fault[] = [
  {
    source: 'ends the body early twice, and has a strong ETag',
    answer: breakingOff({ cuts: [4 * MIB, 2 * MIB] }),
    ends: { ...success(asset, 3), resumed: true },
  },
  {
    source: 'ends the body early once, and ignores `Range`',
    answer: breakingOff({ ranges: false }),
    ends: { ...success(asset, 2), resumed: false },
  },
  {
    source: 'ends the body early once, and sends another range than the one asked for',
    answer: breakingOff({ lie: (headers) => ({ ...headers, 'content-range': `bytes 0-9/${body.byteLength}` }) }),
    ends: { ...success(asset, 2), resumed: false },
  },
  {
    source: 'ends the body early once, and has a weak ETag',
    answer: breakingOff({ etag: 'W/"v1"' }),
    ends: { ...success(asset, 2), resumed: false },
  },
  {
    source: 'has another file at the second attempt',
    answer: changing(1),
    ends: { ...success(asset, 2), resumed: false },
  },
  {
    source: 'has another file at every attempt, and ends the body early',
    answer: changing(10),
    ends: failed('source_changed', 10),
  },
];

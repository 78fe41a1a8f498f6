import type { Kind } from '../../../src/domain/import.js';
import { answers } from '../origin-server.js';
import { sampleMedia, type SampleName } from '../../support/sample-media.js';
import { CANARY, failed, success, type Fault } from './fault.js';
import { GOOD, GOOD_VIDEO, MP4 } from './good-answers.js';
import { hangUp } from './raw-answers.js';

const page = Buffer.from(`<!DOCTYPE html><html><title>Sign in</title><body>${CANARY}</body></html>`);
const svg = Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg"><script>${CANARY}()</script></svg>`);

/** A body that the media type does not take. */
function sending(source: string, body: string | Buffer, type: string, kind: Kind = 'video'): Fault {
  const answer = answers.file(Buffer.from(body), { type });
  return { source, kind, answer: () => answer, ends: failed('type_mismatch', 1) };
}

const bodyOf = (name: SampleName): Buffer => sampleMedia(name).body;

export const TYPE_FAULTS: readonly Fault[] = [
  sending('sends a login page in place of a video', page, 'text/html'),
  sending('sends a login page as video/mp4', page, 'video/mp4'),
  sending('sends a login page as a PDF', page, 'application/pdf', 'file'),
  sending('sends a login page in place of an image', page, 'text/html', 'image'),
  sending('sends an error in JSON as video/mp4', `{"error":"${CANARY}"}`, 'video/mp4'),
  sending('sends a playlist in place of a video', `#EXTM3U\n${CANARY}\n`, 'application/vnd.apple.mpegurl'),
  sending('sends an image as video/mp4', bodyOf('picture.png'), 'video/mp4'),
  sending('sends a ZIP archive as video/mp4', bodyOf('archive.zip'), 'video/mp4'),
  sending('sends bytes of no known type as video/mp4', Buffer.alloc(2_000, 7), 'video/mp4'),
  sending('sends a video as image/png', MP4.body, 'image/png', 'image'),
  sending('sends text as image/png', CANARY, 'image/png', 'image'),
  {
    source: 'sends an image of a type that the configuration does not take',
    kind: 'image',
    answer: () => answers.file(bodyOf('picture.heic'), { type: 'image/heic' }),
    ends: failed('type_not_allowed', 1),
  },
  {
    source: 'sends a script behind the first bytes of a video',
    answer: () => answers.file(Buffer.concat([MP4.body.subarray(0, 64), page]), { type: 'text/html' }),
    ends: success({ mimeType: 'video/mp4', bytes: 64 + page.byteLength }),
  },
  {
    source: 'sends an SVG image with a script',
    kind: 'image',
    answer: () => answers.file(svg, { type: 'image/svg+xml' }),
    ends: success({ mimeType: 'image/svg+xml' }),
  },
  {
    source: 'sends a video as application/octet-stream',
    answer: () => answers.file(MP4.body, { type: 'application/octet-stream' }),
    ends: success(GOOD_VIDEO),
  },
  {
    source: 'sends a video as text/html',
    answer: () => answers.file(MP4.body, { type: 'text/html' }),
    ends: success(GOOD_VIDEO),
  },
  {
    source: 'announces its type twice',
    kind: 'file',
    answer: () =>
      answers.file(Buffer.from('a,b\n'), { headers: { 'content-type': ['text/csv', 'text/csv'] as never } }),
    ends: success({ mimeType: 'text/csv', bytes: 4 }),
  },
  { source: 'sends a video without a type', answer: () => answers.file(MP4.body), ends: success(GOOD_VIDEO) },
];

/** One misfortune, then all is well. */
function once(misfortune: ReturnType<typeof hangUp>): NonNullable<Fault['answer']> {
  return () => {
    let met = false;
    return (request, response) => {
      const answer = met ? GOOD : misfortune;
      met = true;
      answer(request, response);
    };
  };
}

export const PASSING_FAULTS: readonly Fault[] = [
  {
    source: 'answers 500 twice, then well',
    answer: () => answers.flaky(GOOD, { status: 500 }),
    ends: success(GOOD_VIDEO, 3),
  },
  {
    source: 'answers 503 with `Retry-After: 1` once, then well',
    answer: () => answers.flaky(GOOD, { failures: 1, retryAfter: '1' }),
    ends: success(GOOD_VIDEO, 2),
    asksToWaitMs: 1_000,
  },
  {
    source: 'resets the connection once, then answers well',
    answer: once(hangUp('reset')),
    ends: success(GOOD_VIDEO, 2),
  },
  {
    source: 'ends the body early once, then answers well',
    answer: once(answers.truncated(MP4.body, { type: 'video/mp4' })),
    ends: success(GOOD_VIDEO, 2),
  },
];

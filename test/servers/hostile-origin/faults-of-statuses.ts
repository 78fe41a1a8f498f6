import type { ReasonCode } from '../../../src/domain/errors.js';
import { answers, type OriginHandler } from '../origin-server.js';
import { CANARY, NAMES, failed, success, type Fault } from './fault.js';
import { GOOD, GOOD_VIDEO, MP4 } from './good-answers.js';

function answering(status: number, code: ReasonCode, attempts: number): Fault {
  const body = [204, 205, 304].includes(status) ? '' : `<html>${CANARY}</html>`;
  return {
    source: `answers ${status}`,
    answer: () => answers.status(status, { 'x-note': CANARY }, body),
    ends: failed(code, attempts),
  };
}

/** The longest pause that is granted. */
const QUARTER_HOUR_MS = 15 * 60_000;

export const STATUS_FAULTS: readonly Fault[] = [
  answering(202, 'timeout', 10),
  answering(204, 'empty', 1),
  answering(206, 'truncated', 10),
  {
    source: 'answers 206 with all of the file',
    answer: () => answers.wholeAsPart(MP4.body, { type: 'video/mp4' }),
    ends: success(GOOD_VIDEO),
  },
  answering(207, 'type_mismatch', 1),
  answering(300, 'redirect_refused', 1),
  answering(304, 'redirect_refused', 1),
  answering(401, 'http_401', 1),
  answering(403, 'http_403', 1),
  answering(404, 'http_404', 1),
  answering(408, 'timeout', 10),
  answering(410, 'http_410', 1),
  answering(418, 'http_4xx', 1),
  answering(425, 'rate_limited', 10),
  answering(429, 'rate_limited', 10),
  {
    source: 'answers 429 with `Retry-After: 1`',
    answer: () => answers.status(429, { 'retry-after': '1' }, CANARY),
    ends: failed('rate_limited', 10),
    asksToWaitMs: 1_000,
  },
  {
    source: 'answers 429 with a date within two seconds as `Retry-After`',
    answer: () => (request, response) => {
      const at = new Date(Date.now() + 2_000).toUTCString();
      answers.status(429, { 'retry-after': at }, CANARY)(request, response);
    },
    ends: failed('rate_limited', 10),
    asksToWaitMs: 2_000,
  },
  {
    source: 'answers 429 with a `Retry-After` that cannot be read',
    answer: () => answers.status(429, { 'retry-after': `soon ${CANARY}` }, CANARY),
    ends: failed('rate_limited', 10),
  },
  {
    source: 'answers 429 with a `Retry-After` of three years',
    answer: () => answers.status(429, { 'retry-after': '99999999' }, CANARY),
    ends: failed('rate_limited', 10),
    asksToWaitMs: QUARTER_HOUR_MS,
  },
  answering(451, 'http_4xx', 1),
  answering(500, 'http_5xx', 10),
  {
    source: 'answers 500 with a body without end',
    answer: () => (_request, response) => {
      response.writeHead(500, { 'content-type': 'text/plain' });
      response.write(CANARY.repeat(50_000));
    },
    ends: failed('http_5xx', 10),
  },
  answering(503, 'http_5xx', 10),
  {
    source: 'answers 503 with a date in the past as `Retry-After`',
    answer: () => answers.status(503, { 'retry-after': new Date(0).toUTCString() }, CANARY),
    ends: failed('http_5xx', 10),
  },
  {
    source: 'answers 503 with a date in ten years as `Retry-After`',
    answer: () => answers.status(503, { 'retry-after': new Date(Date.now() + 10 * 365 * 86_400_000).toUTCString() }),
    ends: failed('http_5xx', 10),
    asksToWaitMs: QUARTER_HOUR_MS,
  },
  answering(520, 'http_5xx', 10),
  answering(999, 'http_5xx', 10),
];

function leadingTo(source: string, target: string): Fault {
  return { source, answer: () => answers.redirect(target), ends: failed('redirect_refused', 1) };
}

/** Redirects to itself this often, then does as told. */
function hops(path: string, count: number, then: OriginHandler): OriginHandler {
  return (request, response) => {
    const hop = Number(new URL(request.url ?? '/', 'http://localhost').searchParams.get('hop') ?? 0);
    (hop < count ? answers.redirect(`${path}?hop=${hop + 1}`) : then)(request, response);
  };
}

export const REDIRECT_FAULTS: readonly Fault[] = [
  {
    source: 'redirects to itself',
    answer: ({ path }) => answers.redirect(path),
    ends: failed('redirect_refused', 1),
  },
  {
    source: 'redirects to itself with a cookie, and then asks for that',
    answer:
      ({ path }) =>
      (request, response) => {
        const knows = request.headers.cookie === `session=${CANARY}`;
        const sets = { location: path, 'set-cookie': `session=${CANARY}; Path=/; HttpOnly` };
        (knows ? GOOD : answers.status(302, sets))(request, response);
      },
    ends: success(GOOD_VIDEO),
  },
  {
    source: 'redirects five times',
    answer: ({ path }) => hops(path, 5, GOOD),
    ends: success(GOOD_VIDEO),
  },
  {
    source: 'redirects six times',
    answer: ({ path }) => hops(path, 6, GOOD),
    ends: failed('redirect_refused', 1),
  },
  { source: 'redirects without a target', answer: () => answers.status(301), ends: failed('redirect_refused', 1) },
  {
    source: 'redirects to two targets',
    answer: () => (_request, response) => {
      response.writeHead(
        302,
        [
          ['location', '/a'],
          ['location', '/b'],
        ].flat(),
      );
      response.end();
    },
    ends: failed('redirect_refused', 1),
  },
  leadingTo('redirects to a private address', `http://10.0.0.7/${CANARY}`),
  leadingTo('redirects to a loopback address in another spelling', `http://2130706433/${CANARY}`),
  leadingTo('redirects to a metadata service', 'http://169.254.169.254/latest/meta-data/'),
  leadingTo('redirects to a name with a private address', `http://${NAMES.private}/${CANARY}`),
  {
    source: 'redirects to a name that does not exist',
    answer: () => answers.redirect(`http://${NAMES.unknown}/${CANARY}`),
    ends: failed('dns_failed', 3),
  },
  leadingTo('redirects to a file', 'file:///etc/passwd'),
  {
    source: 'redirects to another port than 80 and 443',
    answer: ({ host }) => answers.redirect(`http://${host}:22/${CANARY}`),
    ends: failed('redirect_refused', 1),
  },
  {
    source: 'redirects to a URL with a user name and a password',
    answer: ({ host, port }) => answers.redirect(`http://user:${CANARY}@${host}:${port}/`),
    ends: failed('redirect_refused', 1),
  },
  {
    source: 'redirects from https to http',
    place: 'tls',
    certificate: 'good',
    answer: ({ host, port }) => answers.redirect(`http://${host}:${port}/${CANARY}`),
    ends: failed('redirect_refused', 1),
  },
  {
    source: 'redirects to a URL of 9 KB',
    answer: () => answers.redirect(`/${CANARY.repeat(700)}`),
    ends: failed('redirect_refused', 1),
  },
];

import { answers } from '../origin-server.js';
import { CANARY, failed, success, type Fault } from './fault.js';
import { GOOD_VIDEO, MP4 } from './good-answers.js';
import { dripping, hangUp, rawAnswer, rawBytes, withoutEnd } from './raw-answers.js';

export const NAME_FAULTS: readonly Fault[] = [
  { source: 'has a name that does not exist', name: 'ENOTFOUND', ends: failed('dns_failed', 3) },
  { source: 'has a name whose name server is in trouble', name: 'EAI_AGAIN', ends: failed('dns_failed', 10) },
  {
    source: 'has a name whose name server never answers',
    name: 'never',
    ends: failed('dns_failed', 10),
    limit: 'resolve',
  },
  { source: 'has a name with a private address', name: ['10.0.0.7'], ends: failed('url_not_allowed', 1) },
  {
    source: 'has a name with the address of a metadata service',
    name: ['169.254.169.254'],
    ends: failed('url_not_allowed', 1),
  },
  {
    source: 'has a name with a good and a private address',
    name: ['127.0.0.1', '10.0.0.7'],
    ends: failed('url_not_allowed', 1),
  },
  {
    source: 'has a name with nothing but a NAT64 address',
    name: ['64:ff9b::7f00:1'],
    ends: failed('url_not_allowed', 1),
  },
];

export const CONNECTION_FAULTS: readonly Fault[] = [
  { source: 'refuses the connection', place: 'closed', ends: failed('connect_failed', 10) },
  {
    source: 'does not react to the connection',
    place: 'black-hole',
    ends: failed('timeout', 10),
    limit: 'connect',
  },
  { source: 'hangs up without an answer', answer: () => hangUp('end'), ends: failed('connect_failed', 10) },
  { source: 'resets the connection', answer: () => hangUp('reset'), ends: failed('connect_failed', 10) },
  {
    source: 'resets the connection within the headers',
    answer: () => rawBytes(`HTTP/1.1 200 OK\r\nx: ${CANARY}`, 'reset'),
    ends: failed('connect_failed', 10),
  },
  { source: 'does not speak TLS', place: 'origin-as-tls', ends: failed('connect_failed', 10) },
  {
    source: 'does not go on with the TLS handshake',
    place: 'silent',
    ends: failed('timeout', 10),
    limit: 'connect',
  },
  {
    source: 'has a certificate that has expired',
    place: 'tls',
    certificate: 'expired',
    ends: failed('tls_failed', 1),
  },
  {
    source: 'has a certificate for another host',
    place: 'tls',
    certificate: 'otherHost',
    ends: failed('tls_failed', 1),
  },
  {
    source: 'has a certificate that it signed itself',
    place: 'tls',
    certificate: 'selfSigned',
    ends: failed('tls_failed', 1),
  },
];

const OK = 'HTTP/1.1 200 OK\r\n';
const LENGTH = `content-length: ${MP4.body.byteLength}`;

/** A good answer behind a head that only a strict reader refuses. */
function sloppy(source: string, head: string): Fault {
  const bytes = Buffer.concat([Buffer.from(head), MP4.body]);
  return { source, answer: () => rawBytes(bytes), ends: success(GOOD_VIDEO) };
}

export const PROTOCOL_FAULTS: readonly Fault[] = [
  {
    source: 'answers in another protocol than HTTP',
    answer: () => answers.garbage(),
    ends: failed('connect_failed', 10),
  },
  {
    source: 'answers without a status line (HTTP/0.9)',
    answer: () => rawBytes(`<html>${CANARY}</html>`),
    ends: failed('connect_failed', 10),
  },
  {
    source: 'answers a status below 100',
    answer: () => rawAnswer(['content-length: 0'], '', '099 Odd'),
    ends: failed('connect_failed', 10),
  },
  {
    source: 'switches protocols unasked (101)',
    answer: () => rawAnswer(['connection: upgrade', 'upgrade: websocket'], '', '101 Switching Protocols'),
    ends: failed('connect_failed', 10),
  },
  {
    source: 'answers 1xx without end',
    answer: () => dripping('', 'HTTP/1.1 102 Processing\r\n\r\n'),
    ends: failed('connect_failed', 10),
    limit: 'interim',
  },
  { source: 'sends a header of 20 KB', answer: () => answers.hugeHeader(), ends: failed('connect_failed', 10) },
  {
    source: 'sends headers without end',
    answer: () => withoutEnd(OK, `x-${CANARY}: ${'x'.repeat(500)}\r\n`),
    ends: failed('connect_failed', 10),
  },
  {
    source: 'sends its headers byte by byte',
    answer: () => dripping(`${OK}x: `, 'x'),
    ends: failed('timeout', 10),
    limit: 'headers',
  },
  {
    source: 'announces two lengths',
    answer: () => rawAnswer(['content-length: 4', 'content-length: 3'], 'body'),
    ends: failed('connect_failed', 10),
  },
  sloppy('announces one length twice', `${OK}${LENGTH}\r\n${LENGTH}\r\n\r\n`),
  {
    source: 'announces a length for a body in chunks',
    answer: () =>
      rawAnswer(
        ['content-length: 4', 'transfer-encoding: chunked'],
        Buffer.concat([Buffer.from(`${MP4.body.byteLength.toString(16)}\r\n`), MP4.body, Buffer.from('\r\n0\r\n\r\n')]),
      ),
    ends: success(GOOD_VIDEO),
  },
  {
    source: 'announces a negative length',
    answer: () => rawAnswer(['content-length: -4'], 'body'),
    ends: failed('connect_failed', 10),
  },
  {
    source: 'announces a length that is no number',
    answer: () => rawAnswer([`content-length: ${CANARY}`], 'body'),
    ends: failed('connect_failed', 10),
  },
  sloppy('ends its header lines in LF alone', `HTTP/1.1 200 OK\n${LENGTH}\n\n`),
  sloppy('leaves the reason phrase out', `HTTP/1.1 200\r\n${LENGTH}\r\n\r\n`),
  sloppy('folds header lines, or sends some that are none', `${OK}x: a\r\n b\r\n${CANARY}\r\n${LENGTH}\r\n\r\n`),
  sloppy('sends 100 (Continue) unasked', `HTTP/1.1 100 Continue\r\n\r\n${OK}${LENGTH}\r\n\r\n`),
  sloppy('answers in HTTP/1.0', `HTTP/1.0 200 OK\r\n${LENGTH}\r\n\r\n`),
];

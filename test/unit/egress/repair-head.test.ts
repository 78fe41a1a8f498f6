import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { repairHead, statusOf } from '../../../src/egress/response-heads.js';

const head = (...lines: string[]) => [...lines, '', ''].join('\r\n');
const OK = 'HTTP/1.1 200 OK';

describe('repairHead', () => {
  it.each<[string, string, string]>([
    ['lines that end in LF alone', `${OK}\nx: y\n\n`, head(OK, 'x: y')],
    ['lines that end in either way', `${OK}\r\nx: y\n\r\n`, head(OK, 'x: y')],
    ['empty lines before the status line', `\r\n\n${head(OK, 'x: y')}`, head(OK, 'x: y')],
    ['a status line with too much space', head('HTTP/1.1   200   OK'), head(OK)],
    ['a status line in lower case', head('http/1.0 200 OK'), head('HTTP/1.0 200 OK')],
    ['a status line without a reason', head('HTTP/1.1 200'), head('HTTP/1.1 200 ')],
    ['a reason with control characters', head('HTTP/1.1 200 O\u0001K'), head('HTTP/1.1 200 ')],
    ['an unasked 100', head('HTTP/1.1 100 Continue'), head('HTTP/1.1 102 Continue')],
    ['a folded line', head(OK, 'x: a', '\t b', ' c'), head(OK, 'x: a b c')],
    ['a folded line that goes on with nothing', head(OK, ' x: a', 'y: b'), head(OK, 'y: b')],
    ['space around name and value', head(OK, 'x\t :\t a b \t'), head(OK, 'x: a b')],
    ['no space before a value', head(OK, 'x:y'), head(OK, 'x: y')],
    ['lines that are no fields', head(OK, 'nonsense', ': y', 'a b: c', 'x: y'), head(OK, 'x: y')],
    ['values with control characters', head(OK, 'a: \u0000', 'b: \u001f', 'c: d\re', 'x: y'), head(OK, 'x: y')],
    ['bytes beyond ASCII', head(OK, 'x: caf\u00e9'), head(OK, 'x: caf\u00e9')],
    ['one length given twice', head(OK, 'Content-Length: 4', 'content-length: 04'), head(OK, 'content-length: 4')],
    ['one length given as a list', head(OK, 'content-length: 4, 4'), head(OK, 'content-length: 4')],
    ['a coding that is none', head(OK, 'transfer-encoding: Identity', 'x: y'), head(OK, 'x: y')],
    ['chunks announced twice', head(OK, 'transfer-encoding: chunked, Chunked'), head(OK, 'transfer-encoding: chunked')],
    [
      'a length beside chunks',
      head(OK, 'content-length: 4', 'transfer-encoding: chunked'),
      head(OK, 'transfer-encoding: chunked', 'connection: close'),
    ],
    ['a field given twice', head(OK, 'ETag: "a"', 'etag: "a"', 'etag: "b"'), head(OK, 'ETag: "a"', 'etag: "b"')],
    [
      'a field that may be repeated',
      head(OK, 'set-cookie: a', 'set-cookie: a'),
      head(OK, 'set-cookie: a', 'set-cookie: a'),
    ],
  ])('repairs %s', (_what, sent, repaired) => {
    expect(repairHead(sent)).toBe(repaired);
  });

  it.each([
    ['two lengths', ['content-length: 4', 'content-length: 3']],
    ['a length that is no number', ['content-length: +4']],
    ['a length with a control character', ['content-length: 4\u0000']],
    ['an empty length beside another', ['content-length: 4,']],
    ['a coding over the chunks', ['transfer-encoding: gzip, chunked']],
  ])('leaves %s for the parser to refuse', (_what, lines) => {
    expect(repairHead(head(OK, ...lines))).toBe(head(OK, ...lines));
  });

  it('leaves what is no status line alone', () => {
    expect(repairHead(head('ICY 200 OK', 'x: y'))).toBe(head('ICY 200 OK', 'x: y'));
    expect(statusOf('HTTP/3 200 OK\r\n\r\n')).toBeUndefined();
    expect(statusOf('\n http/1.1 204\n\n')).toBeUndefined();
    expect(statusOf('\r\nhttp/1.1 204\n\n')).toBe(204);
  });

  it.each([
    'x: a_b',
    'x: a\r_\rb',
    'x_y: a',
    'x: a\n_b\n',
    'HTTP/1.1 200_O',
    '\n_',
    'transfer-encoding: a_b',
    'content-length: 1_1',
  ])('takes no time for 30 KB of white space in %j', (line) => {
    const before = process.cpuUsage();
    for (const blank of [' ', '\t', '\r']) {
      const sent = `${OK}\n${line.replace('_', blank.repeat(30_000))}\n\n`;
      repairHead(sent);
      repairHead(sent.slice(OK.length + 1));
    }
    const { user } = process.cpuUsage(before);
    expect(user).toBeLessThan(250_000);
  });

  const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,12}$/).filter((text) => !/^(content|transfer)-/.test(text));
  const value = fc.stringMatching(/^[!-~]([ -~\u0080-\u00ff]{0,20}[!-~])?$/);
  const fields = fc.uniqueArray(fc.tuple(name, value), { selector: ([key]) => key, maxLength: 12 });

  it('changes nothing in a head that follows the grammar', () => {
    fc.assert(
      fc.property(fc.integer({ min: 101, max: 599 }), fields, fc.option(fc.nat()), (status, list, length) => {
        const lines = list.map(([key, text]) => `${key}: ${text}`);
        const announced = length === null ? [] : [`content-length: ${length}`];
        const sent = head(`HTTP/1.1 ${status} Fine`, ...lines, ...announced);
        expect(repairHead(sent)).toBe(sent);
      }),
    );
  });

  it('has nothing to repair in what it has repaired, and ends with the only empty line, whatever it is given', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        '\n',
        '\r\n',
        '\r',
        ':',
        ' ',
        '\t',
        ',',
        OK,
        'content-length',
        'transfer-encoding',
        'chunked',
        '4',
      ),
      fc.string({ unit: 'binary', maxLength: 6 }).map((text) => text.replace(/[^\u0000-\u00ff]/g, '?')),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const once = repairHead(`${OK}\n${pieces.join('')}\n\n`);
        expect(repairHead(once)).toBe(once);
        expect(once.indexOf('\r\n\r\n')).toBe(once.length - 4);
        expect(once.replaceAll('\r\n', '')).not.toMatch(/\n/);
      }),
    );
  });
});

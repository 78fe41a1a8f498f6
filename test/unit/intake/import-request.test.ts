import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ApiError } from '../../../src/domain/api-error.js';
import type { UrlCheck } from '../../../src/intake/request/rules.js';
import { defaultMediaTypes } from '../../../src/domain/media-types.js';
import { parseJson } from '../../../src/domain/parse-json.js';
import { parseImportRequest } from '../../support/posted-json.js';

const HALF = 'Must be well-formed Unicode, has half of a surrogate pair';
const NUL = 'Must not contain NUL';
const LONG = 'Must be an integer from -9007199254740991 to 9007199254740991; send a larger one as text';

const checkUrl: UrlCheck = (url) =>
  URL.canParse(url) && url.startsWith('https://')
    ? { ok: true, url: new URL(url) }
    : { ok: false, why: 'The URL must start with https://' };
const rules = { kind: 'video', mediaTypes: defaultMediaTypes(), checkUrl } as const;

const anItem = (changes: Record<string, unknown> = {}) => ({
  url: 'https://cdn.example.com/a.mp4',
  id: 'a',
  fileName: 'a',
  metadata: {},
  ...changes,
});
const aBody = (changes: Record<string, unknown> = {}) => ({ systemName: 's', videos: [anItem()], ...changes });

function problemsOf(body: unknown): Readonly<Record<string, unknown>> {
  try {
    parseImportRequest(body, rules);
    return {};
  } catch (error) {
    if (error instanceof ApiError && error.status === 400) return error.details;
    throw error;
  }
}

const nested = (levels: number): unknown => (levels <= 1 ? {} : { n: nested(levels - 1) });
const withKey = (key: string) => JSON.parse(`{${JSON.stringify(key)}: 1}`) as Record<string, unknown>;

describe('checkImportRequest', () => {
  it('answers the items in request order with the host of their URL', () => {
    const body = aBody({ videos: [anItem(), anItem({ id: 'b', mediaType: 'video' })] });

    const request = parseImportRequest(body, rules);

    const spec = { url: 'https://cdn.example.com/a.mp4', fileName: 'a', metadata: {}, mediaType: 'video' };
    expect(request).toEqual({
      systemName: 's',
      items: [
        { ...spec, seq: 0, externalId: 'a', host: 'cdn.example.com' },
        { ...spec, seq: 1, externalId: 'b', host: 'cdn.example.com' },
      ],
    });
  });

  it.each([
    ['null', null, { body: 'Invalid type: expected object' }],
    ['a list', [], { body: 'Invalid type: expected object' }],
    [
      'nothing',
      {},
      { systemName: 'Missing required property: systemName', videos: 'Missing required property: videos' },
    ],
    ['a number as systemName', aBody({ systemName: 1 }), { systemName: 'Invalid type: expected string' }],
    ['an empty systemName', aBody({ systemName: '' }), { systemName: 'Must have 1 to 200 characters' }],
    [
      '201 characters of systemName',
      aBody({ systemName: 'x'.repeat(201) }),
      { systemName: 'Must have 1 to 200 characters' },
    ],
    ['a list of another kind', { ...aBody(), files: [] }, { files: 'Additional properties not allowed' }],
    ['a key called items', aBody({ items: [] }), { items: 'Additional properties not allowed' }],
    ['an unknown key', aBody({ foo: 1 }), { foo: 'Additional properties not allowed' }],
    ['no items', aBody({ videos: [] }), { videos: 'Must have 1 to 10000 items' }],
    ['items that are no list', aBody({ videos: {} }), { videos: 'Invalid type: expected array' }],
    ['an item that is text', aBody({ videos: ['x'] }), { 'videos.0': 'Invalid type: expected object' }],
    [
      'an unknown key of an item',
      aBody({ videos: [anItem({ foo: 1 })] }),
      { 'videos.0.foo': 'Additional properties not allowed' },
    ],
    ['a number as id', aBody({ videos: [anItem({ id: 7 })] }), { 'videos.0.id': 'Invalid type: expected string' }],
    [
      '501 characters of id',
      aBody({ videos: [anItem({ id: 'x'.repeat(501) })] }),
      { 'videos.0.id': 'Must have 1 to 500 characters' },
    ],
    ['half a character in an id', aBody({ videos: [anItem({ id: '\ud800' })] }), { 'videos.0.id': HALF }],
    [
      'an empty fileName',
      aBody({ videos: [anItem({ fileName: '' })] }),
      { 'videos.0.fileName': 'Must have 1 to 500 characters' },
    ],
    [
      'a fileName that is only a query',
      aBody({ videos: [anItem({ fileName: '?a=b' })] }),
      { 'videos.0.fileName': 'Must have more than a query string' },
    ],
    [
      'metadata null',
      aBody({ videos: [anItem({ metadata: null })] }),
      { 'videos.0.metadata': 'Invalid type: expected object' },
    ],
    [
      'metadata missing',
      aBody({ videos: [{ ...anItem(), metadata: undefined }] }),
      { 'videos.0.metadata': 'Missing required property: metadata' },
    ],
    [
      'a URL that egress refuses',
      aBody({ videos: [anItem({ url: 'ftp://x' })] }),
      { 'videos.0.url': 'The URL must start with https://' },
    ],
    [
      'a URL beyond 8 KiB',
      aBody({ videos: [anItem({ url: `https://a.example/${'ü'.repeat(4096)}` })] }),
      { 'videos.0.url': 'Must be at most 8192 bytes' },
    ],
    ['a webhook that egress refuses', aBody({ webhook: 'http://x' }), { webhook: 'The URL must start with https://' }],
    [
      'an unknown media type',
      aBody({ videos: [anItem({ mediaType: 'clip' })] }),
      { 'videos.0.mediaType': 'Must be the handle of a media type of kind mediaVideo' },
    ],
    [
      'a media type of another kind',
      aBody({ videos: [anItem({ mediaType: 'image' })] }),
      { 'videos.0.mediaType': 'Must be the handle of a media type of kind mediaVideo' },
    ],
    [
      'an id twice',
      aBody({ videos: [anItem(), anItem({ id: 'b' }), anItem()] }),
      { 'videos.2.id': 'Must be unique, videos.0.id is the same' },
    ],
    ['a context that is a list', aBody({ context: [] }), { context: 'Invalid type: expected object' }],
    [
      'a context of 8193 bytes',
      aBody({ context: { t: 'x'.repeat(8185) } }),
      { context: 'Must be at most 8192 bytes as UTF-8 JSON' },
    ],
    [
      'metadata beyond 1 MiB',
      aBody({ videos: [anItem({ metadata: { t: 'x'.repeat(1024 * 1024) } })] }),
      { 'videos.0.metadata': 'Must be at most 1048576 bytes as UTF-8 JSON' },
    ],
    [
      '21 levels of context',
      aBody({ context: nested(21) }),
      { [`context${'.n'.repeat(20)}`]: 'Must nest at most 20 levels' },
    ],
    [
      '__proto__ in metadata',
      aBody({ videos: [anItem({ metadata: { a: withKey('__proto__') } })] }),
      { 'videos.0.metadata.a.__proto__': 'Key __proto__ is not allowed' },
    ],
    [
      '__proto__ in an item',
      aBody({ videos: [Object.assign(withKey('__proto__'), anItem())] }),
      { 'videos.0.__proto__': 'Key __proto__ is not allowed' },
    ],
    [
      'an operator in context',
      aBody({ context: withKey('$where') }),
      { 'context.$where': 'Keys must not start with $' },
    ],
    ['a priority of 0', aBody({ priority: 0 }), { priority: 'Must be an integer from 1 to 5' }],
    ['a priority of 6', aBody({ priority: 6 }), { priority: 'Must be an integer from 1 to 5' }],
    ['a fraction as priority', aBody({ priority: 1.5 }), { priority: 'Must be an integer from 1 to 5' }],
    ['text as priority', aBody({ priority: '1' }), { priority: 'Invalid type: expected number' }],
    [
      'a key of 1,025 characters, whose path is cut',
      aBody({ context: { a: withKey('k'.repeat(1025)) } }),
      { [`context.a.${'k'.repeat(100)}`]: 'Keys must have at most 1024 characters' },
    ],
    [
      'more than 5,000 values of metadata',
      aBody({ videos: [anItem({ metadata: { list: Array.from({ length: 5_000 }, () => ({})) } })] }),
      { 'videos.0.metadata': 'Must have at most 5000 values' },
    ],
    ['NUL in a key', aBody({ context: withKey('a\0b') }), { 'context.a\0b': 'Keys must not contain NUL' }],
  ])('refuses %s', (_name, body, details) => {
    expect(problemsOf(JSON.parse(JSON.stringify(body)))).toEqual(details);
  });

  it.each([
    ['200 characters of systemName', aBody({ systemName: '😀'.repeat(200) })],
    ['a context of 8192 bytes', aBody({ context: { t: 'x'.repeat(8184) } })],
    ['20 levels of context', aBody({ context: nested(20) })],
    ['500 characters of id', aBody({ videos: [anItem({ id: 'x'.repeat(500) })] })],
    ['a URL of 8 KiB', aBody({ videos: [anItem({ url: `https://a.example/${'x'.repeat(8174)}` })] })],
    ['the most urgent priority', aBody({ priority: 1 })],
    ['the least urgent priority', aBody({ priority: 5 })],
    [
      '5,000 values of metadata',
      aBody({ videos: [anItem({ metadata: { list: Array.from({ length: 4_999 }, () => ({})) } })] }),
    ],
    ['keys with dots', aBody({ context: { 'a.b': 1, constructor: 1 } })],
  ])('takes %s', (_name, body) => {
    expect(problemsOf(body)).toEqual({});
  });

  it('refuses text that cannot be stored wherever it stands', () => {
    for (const [text, sentence] of [
      ['a\ud83d', HALF],
      ['\ude00a', HALF],
      ['a\0b', NUL],
    ] as const) {
      const kept = { [`k${text}`]: 1, list: [{ deep: text }] };
      const videos = [anItem({ id: text, fileName: text, metadata: kept })];
      const key = (path: string) => ({ [`${path}.k${text}`]: sentence.replace('Must', 'Keys must') });

      expect(problemsOf({ systemName: text, context: kept, videos })).toEqual({
        systemName: sentence,
        ...{ ...key('context'), 'context.list.0.deep': sentence },
        ...{ 'videos.0.id': sentence, 'videos.0.fileName': sentence },
        ...{ ...key('videos.0.metadata'), 'videos.0.metadata.list.0.deep': sentence },
      });
    }
    expect(problemsOf(aBody({ context: { smile: '😀' }, videos: [anItem({ id: '😀' })] }))).toEqual({});
  });

  it('refuses integers that would be stored as others, by path', () => {
    const item = (metadata: string) => `{"url":"https://a.example/","id":"a","fileName":"a","metadata":${metadata}}`;
    const body = (context: string, metadata: string) =>
      parseJson(`{"systemName":"s","context":${context},"videos":[${item(metadata)}]}`);

    expect(problemsOf(body('{"a":9007199254740993}', '{"n":{"list":[1,-9007199254740992]}}'))).toEqual({
      'context.a': LONG,
      'videos.0.metadata.n.list.1': LONG,
    });
    expect(problemsOf(body('{"a":1e999}', '{}'))).toEqual({
      'context.a': 'Must be a number of at most 1.7976931348623157e308',
    });
    expect(problemsOf(body('{"a":9007199254740991,"b":6.022e23}', '{"c":"9007199254740993","d":0.1}'))).toEqual({});
  });

  it('tells what is wrong with each of many URLs, however bad the one before is', () => {
    const urls = ['https://a.example/', '\ud800', '', 7, 'ftp://x', `https://a.example/${'ü'.repeat(4096)}`];
    const videos = urls.map((url, seq) => anItem({ id: `${seq}`, url, foo: 1 }));
    const foo = 'Additional properties not allowed';

    expect(problemsOf(aBody({ videos }))).toEqual({
      'videos.0.foo': foo,
      ...{ 'videos.1.foo': foo, 'videos.1.url': 'The URL must start with https://' },
      ...{ 'videos.2.foo': foo, 'videos.2.url': 'Must not be empty' },
      ...{ 'videos.3.foo': foo, 'videos.3.url': 'Invalid type: expected string' },
      ...{ 'videos.4.foo': foo, 'videos.4.url': 'The URL must start with https://' },
      ...{ 'videos.5.foo': foo, 'videos.5.url': 'Must be at most 8192 bytes' },
    });
  });

  it('reports an own __proto__ of the body by its name', () => {
    const details = problemsOf(Object.assign(withKey('__proto__'), aBody()));

    expect(JSON.stringify(details)).toBe('{"__proto__":"Key __proto__ is not allowed"}');
  });

  it('reports every problem at once, at most 100 of them', () => {
    const many = Array.from({ length: 80 }, (_, seq) => ({ ...anItem({ id: `${seq}` }), url: 1, foo: 1 }));

    expect(Object.keys(problemsOf(aBody({ systemName: '', videos: many.slice(0, 2) })))).toEqual([
      'systemName',
      'videos.0.url',
      'videos.0.foo',
      'videos.1.url',
      'videos.1.foo',
    ]);
    expect(Object.keys(problemsOf(aBody({ videos: many })))).toHaveLength(100);
  });

  it('counts problems whose paths are the same once they are cut, and cuts each key before it puts a path together', () => {
    const children = Object.fromEntries(Array.from({ length: 4_000 }, (_, index) => [`$${index}`, 0]));
    const deep = { ['k'.repeat(400_000)]: { ['l'.repeat(400_000)]: { ['m'.repeat(200_000)]: children } } };
    const before = process.cpuUsage();

    const paths = Object.keys(problemsOf(aBody({ videos: [anItem({ metadata: deep })] })));

    const { user, system } = process.cpuUsage(before);
    expect(paths.every((path) => path.length <= 300)).toBe(true);
    expect(paths.length).toBeLessThanOrEqual(100);
    // Ten thousand times a megabyte took ten seconds.
    expect((user + system) / 1000).toBeLessThan(500);
  });

  it('names a hundred of a million unknown keys, and looks at no more', () => {
    const keys = Object.fromEntries(Array.from({ length: 1_000_000 }, (_, index) => [`k${index}`, 0]));

    expect(Object.keys(problemsOf(aBody({ videos: [{ ...anItem(), ...keys }] })))).toHaveLength(100);
  });

  it('drops the query string of a file name but leaves questions alone', () => {
    const copied = ['clip.mp4?X-Token=abc', 'clip?eyJhbGciOi', 'https://cdn.example.com/x?tok', 'my clip.mp4?sig=a b'];
    const titles = ['Who are you? Part 2', 'Really?', 'Really?!', 'What?? A film'];
    const names = [...copied, ...titles];
    const videos = names.map((fileName, seq) => anItem({ id: `${seq}`, fileName }));

    expect(parseImportRequest(aBody({ videos }), rules).items.map((item) => item.fileName)).toEqual([
      'clip.mp4',
      'clip',
      'https://cdn.example.com/x',
      'my clip.mp4',
      ...titles,
    ]);
  });

  it('validates 10,000 items in well under a second and refuses one more', () => {
    const videos = Array.from({ length: 10_000 }, (_, seq) =>
      anItem({ id: `id-${seq}`, metadata: { title: `t ${seq}` } }),
    );
    const took = [1, 2, 3].map(() => {
      const before = process.cpuUsage();
      expect(parseImportRequest(aBody({ videos }), rules).items).toHaveLength(10_000);
      const { user, system } = process.cpuUsage(before);
      return (user + system) / 1000;
    });

    // Processor time, the best of three: other tests share the machine.
    expect(Math.min(...took)).toBeLessThan(1_000);
    expect(problemsOf(aBody({ videos: [...videos, anItem()] }))).toEqual({
      videos: 'Must have at most 10000 items, has 10001; NDJSON and CSV take any number',
    });
  });

  it('answers any JSON with a request or with at least one problem', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (videos) => {
        const body: unknown = JSON.parse(JSON.stringify({ systemName: 's', videos }));
        expect(Object.keys(problemsOf(body)).length).toBeGreaterThan(0);
      }),
    );
  });
});

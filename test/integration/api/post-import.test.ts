import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { aGateway, type TestGateway } from '../../support/gateway.js';
import { postChunked } from '../../support/http-client.js';
import { anItem, PUBLISHED_FILE_REQUEST, PUBLISHED_VIDEO_REQUEST } from '../../support/import-builders.js';

const VIDEOS = '/api/2026-05/import/videos';
const TYPES = 'Must be application/json; charset=utf-8 or application/x-ndjson or application/jsonl or text/csv';
const ID = /^[a-z2-7]{12}$/;

describe('POST /api/:v/import/{videos,files,images}', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await aGateway();
  });
  afterAll(() => gateway.close());

  const post = (body: unknown, headers: Record<string, string> = {}, path = VIDEOS) =>
    gateway.client.post(path, body, { headers });
  const badRequest = (details: Record<string, string>) => ({
    status: 400,
    error: 'Bad Request',
    error_details: details,
  });
  const idOf = (body: unknown) => (body as { id: string }).id;

  it.each([
    ['videos', PUBLISHED_VIDEO_REQUEST],
    ['files', PUBLISHED_FILE_REQUEST],
  ])('answers the published example for %s with exactly an id', async (plural, body) => {
    const answer = await post(body, {}, `/api/2026-05/import/${plural}`);

    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({ id: expect.stringMatching(ID) as unknown });
    expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
  });

  it('stores batch and items and starts the workflow before it answers', async () => {
    const { body } = await post(PUBLISHED_VIDEO_REQUEST);

    const id = idOf(body);
    expect(gateway.workflows.started).toContainEqual({
      ...{ projectId: 'p1', batchId: id, kind: 'video', itemCount: 1, priority: 3 },
      first: { hosts: ['www.learningcontainer.com'], pageSize: 50, ofHost: 16 },
    });
    expect(await gateway.store.batches.find('p1', id)).toMatchObject({
      state: 'started',
      kind: 'video',
      systemName: 'identifier-for-your-system',
      webhook: 'https://my-domain.com/webhooks/video-import',
      context: { myIdentifier: 'some-identifier-sent-to-the-webhook' },
      itemCount: 1,
    });
    expect(await gateway.store.items.find(id, 0)).toMatchObject({
      url: 'https://www.learningcontainer.com/wp-content/uploads/2020/05/sample-mp4-file.mp4',
      host: 'www.learningcontainer.com',
      externalId: '123abc',
      fileName: 'foo',
      metadata: { title: 'sample video', credit: 'LC' },
      mediaType: 'video',
      state: 'open',
      attempts: 0,
    });
  });

  it('starts a batch that begins with pages without naming its hosts', async () => {
    const videos = Array.from({ length: 201 }, (_, seq) => anItem(`v${seq}`));

    const { body } = await post({ systemName: 's', videos });

    const started = gateway.workflows.started.find(({ batchId }) => batchId === idOf(body));
    expect(started?.first).toEqual({ pageSize: 50, ofHost: 16 });
  });

  it('takes images, 10,000 items, and a charset or none', async () => {
    const images = Array.from({ length: 10_000 }, (_, seq) => anItem(`i${seq}`));
    const answer = await post(
      { systemName: 's', images },
      { 'content-type': 'application/json' },
      '/api/v1/import/images',
    );

    expect(answer.status).toBe(200);
    expect(await gateway.store.items.totals(idOf(answer.body))).toMatchObject({ open: 10_000 });
  }, 180_000);

  it.each([
    ['a private address', 'http://10.0.0.1/a'],
    ['the metadata service', 'http://169.254.169.254/latest'],
    ['localhost', 'http://localhost/a'],
    ['a scheme', 'ftp://example.com/a'],
    ['a data URL', 'data:video/mp4;base64,AAAA'],
    ['a password', 'https://u:p@example.com/a'],
    ['a port', 'https://example.com:8443/a'],
  ])('refuses an item and a webhook at %s, each at its path', async (_name, url) => {
    const answer = await post({ systemName: 's', webhook: url, videos: [anItem('a'), anItem('b', { url })] });

    expect(answer.status).toBe(400);
    expect(Object.keys((answer.body as { error_details: object }).error_details)).toEqual(['webhook', 'videos.1.url']);
    expect(answer.text).not.toContain(url);
  });

  it('names every problem at once and stores nothing', async () => {
    const before = gateway.workflows.started.length;
    const answer = await post({
      videos: [anItem('a', { foo: 1 }), anItem('a'), anItem('c', { mediaType: 'image' })],
      context: { $where: 1 },
    });

    expect(answer.body).toEqual(
      badRequest({
        systemName: 'Missing required property: systemName',
        'context.$where': 'Keys must not start with $',
        'videos.0.foo': 'Additional properties not allowed',
        'videos.1.id': 'Must be unique, videos.0.id is the same',
        'videos.2.mediaType': 'Must be the handle of a media type of kind mediaVideo',
      }),
    );
    expect(gateway.workflows.started).toHaveLength(before);
  });

  it('starts a batch that is stored in several chunks with the hosts of all of its items', async () => {
    const text = 'x'.repeat(1_000_000);
    const videos = Array.from({ length: 10 }, (_, seq) =>
      anItem(`i${seq}`, { url: `https://h${seq}.example.com/a`, metadata: { text } }),
    );

    const { body } = await post({ systemName: 's', videos });

    const id = idOf(body);
    const started = gateway.workflows.started.find(({ batchId }) => batchId === id);
    expect(started).toMatchObject({
      itemCount: 10,
      first: { hosts: videos.map((_, seq) => `h${seq}.example.com`) },
    });
    expect(await gateway.store.items.find(id, 9)).toMatchObject({ externalId: 'i9', metadata: { text } });
  });

  it('refuses text and numbers that would be kept as others, by path and with the reason', async () => {
    const item = String.raw`{"url":"https://cdn.example.com/a b.mp4","id":"a\ud83d","fileName":"a","metadata":{"n":12345678901234567890}}`;
    const answer = await post(
      String.raw`{"systemName":"s","context":{"half":"\ude00","long":9007199254740993,"nul":"\u0000"},"videos":[${item}]}`,
    );

    expect(answer.body).toEqual(
      badRequest({
        'context.half': 'Must be well-formed Unicode, has half of a surrogate pair',
        'context.long': 'Must be an integer from -9007199254740991 to 9007199254740991; send a larger one as text',
        'context.nul': 'Must not contain NUL',
        'videos.0.id': 'Must be well-formed Unicode, has half of a surrogate pair',
        'videos.0.metadata.n':
          'Must be an integer from -9007199254740991 to 9007199254740991; send a larger one as text',
      }),
    );
  });

  it.each([
    ['JSON that is none', '{"systemName": "s" "videos": []}'],
    ['nothing', ''],
    ['bytes that are not UTF-8', Buffer.from([0x22, 0xff, 0x22])],
  ])('answers %s with 400 and does not quote it', async (_name, body) => {
    const answer = await post(body);

    expect(answer.status).toBe(400);
    expect(answer.body).toEqual(badRequest({ body: 'The body is not valid JSON in UTF-8' }));
  });

  it.each([
    ['text/plain', { 'content-type': 'text/plain' }, { 'content-type': TYPES }],
    ['latin1', { 'content-type': 'application/json; charset=iso-8859-1' }, { 'content-type': TYPES }],
    ['br', { 'content-encoding': 'br' }, { 'content-encoding': 'Must be gzip, identity or absent' }],
  ])('answers %s with 415', async (_name, headers, details) => {
    const answer = await post(PUBLISHED_VIDEO_REQUEST, headers);

    expect(answer.body).toEqual({ status: 415, error: 'Unsupported Media Type', error_details: details });
  });

  it('answers 16 MiB and one byte with 413, announced or not', async () => {
    const tooLarge = ' '.repeat(16 * 1024 * 1024 + 1);
    const headers = { authorization: `Bearer ${gateway.client.token}`, 'content-type': 'application/json' };
    const megabyte = Buffer.alloc(1024 * 1024, ' ');

    const answer = await post(tooLarge);

    expect(answer.body).toEqual({
      status: 413,
      error: 'Payload Too Large',
      error_details: { body: 'The body must be at most 16 MiB (16777216 bytes); NDJSON and CSV may be of any size' },
    });
    expect(
      await postChunked(
        `${gateway.origin}${VIDEOS}`,
        headers,
        Array.from({ length: 17 }, () => megabyte),
      ),
    ).toBe(413);
  });

  it('answers 503 with Retry-After and leaves nothing when Temporal is away', async () => {
    gateway.workflows.isAway = true;
    const answer = await post(PUBLISHED_VIDEO_REQUEST);
    gateway.workflows.isAway = false;

    expect(answer.body).toEqual({
      status: 503,
      error: 'Service Unavailable',
      error_details: { temporal: 'A server that the request needs cannot be reached' },
    });
    expect(answer.headers.get('retry-after')).toBe('5');
    const later = new Date(Date.now() + 3_600_000);
    expect(await gateway.store.batches.findUnstarted(later, 10)).toEqual([]);
    expect(await gateway.store.batches.findHalfStored(later, 10)).toEqual([]);
  });

  it('never answers a random body with a server error', async () => {
    const nasty = fc.oneof(fc.jsonValue(), fc.constantFrom<unknown>('__proto__', '\ud800', 'a\0', 1e308));
    const item = fc.record(
      {
        url: fc.oneof(fc.webUrl(), nasty),
        id: nasty,
        fileName: fc.string(),
        metadata: fc.dictionary(fc.string(), nasty),
        mediaType: nasty,
      },
      { requiredKeys: [] },
    );
    const body = fc.oneof(
      nasty,
      fc.record(
        { systemName: fc.string(), videos: fc.array(item), context: fc.dictionary(fc.string(), nasty) },
        { requiredKeys: [] },
      ),
    );
    await fc.assert(
      fc.asyncProperty(body, async (value) => {
        expect((await post(JSON.stringify(value))).status).toBeLessThan(500);
      }),
      { numRuns: 200 },
    );
  });

  it('gives back metadata with awkward keys as it came', async () => {
    const metadata = {
      'a.b': 1,
      _bsontype: 'ObjectId',
      constructor: { prototype: 1 },
      '': [null, true, 1.5],
      toJSON: 'x',
    };
    const { body } = await post({ systemName: 's', videos: [anItem('a', { metadata })] });

    expect((await gateway.store.items.find(idOf(body), 0))?.metadata).toEqual(metadata);
  });
});

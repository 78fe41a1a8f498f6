import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '../../support/eventually.js';
import { aGateway, type TestGateway } from '../../support/gateway.js';
import { anItem } from '../../support/import-builders.js';
import { ndjson, openPost } from '../../support/posted-lines.js';

const VIDEOS = '/api/v1/import/videos';
const NDJSON = { 'content-type': 'application/x-ndjson' };
const CSV = { 'content-type': 'text/csv; charset=utf-8' };
/** More than any test takes. */
const LATER = () => new Date(Date.now() + 3_600_000);

describe('POST of lines', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await aGateway();
  });
  afterAll(() => gateway.close());

  const post = (body: string | Buffer, headers: Record<string, string> = NDJSON, query = '') =>
    gateway.client.post(`${VIDEOS}${query}`, body, { headers });
  const idOf = (body: unknown) => (body as { id: string }).id;
  const detailsOf = (body: unknown) => (body as { error_details: unknown }).error_details;
  const externalIds = async (id: string) =>
    (await gateway.store.items.list(id, { afterSeq: -1, limit: 1_000 })).map(({ externalId }) => externalId);
  /** The id of every batch in the database has been told to a client. */
  const expectNothingLeft = async () => {
    expect(await gateway.store.batches.findHalfStored(LATER(), 10)).toEqual([]);
    expect(await gateway.store.batches.findUnstarted(LATER(), 10)).toEqual([]);
  };

  it('takes NDJSON like the JSON that says the same', async () => {
    const webhook = 'https://client.example.com/done';
    const items = [anItem('a', { metadata: { title: 'A' } }), anItem('b')];

    const { status, body } = await post(`\uFEFF${ndjson(items, { systemName: 's', webhook, context: { job: 7 } })}`);

    const id = idOf(body);
    expect({ status, body }).toEqual({ status: 200, body: { id: expect.stringMatching(/^[a-z2-7]{12}$/) as unknown } });
    expect(gateway.workflows.started).toContainEqual({
      projectId: 'p1',
      batchId: id,
      kind: 'video',
      itemCount: 2,
      priority: 3,
      first: { hosts: ['cdn.example.com', 'cdn.example.com'], pageSize: 50, ofHost: 16 },
    });
    const stored = { state: 'started', systemName: 's', webhook, context: { job: 7 }, itemCount: 2 };
    expect(await gateway.store.batches.find('p1', id)).toMatchObject(stored);
    expect(await gateway.store.items.find(id, 0)).toMatchObject({
      ...{ externalId: 'a', url: 'https://cdn.example.com/a.bin', host: 'cdn.example.com', fileName: 'a' },
      ...{ metadata: { title: 'A' }, mediaType: 'video', state: 'open', attempts: 0, seq: 0 },
    });
    expect(await gateway.store.items.totals(id)).toMatchObject({ open: 2 });
  });

  it('takes application/jsonl for the same request as application/x-ndjson', async () => {
    const lines = ndjson([anItem('a'), anItem('b')]);
    const key = { 'idempotency-key': 'two-names' };

    const jsonl = await post(lines, { ...key, 'content-type': 'application/jsonl' });
    const again = await post(lines, { ...key, ...NDJSON });

    expect(jsonl.status).toBe(200);
    expect(await externalIds(idOf(jsonl.body))).toEqual(['a', 'b']);
    expect(again).toMatchObject({ status: 200, body: { id: idOf(jsonl.body) } });
  });

  it.each([
    [200, true],
    [201, false],
  ])('starts a batch of %d items with their hosts when each gets an activity: %s', async (count, hasHosts) => {
    const items = Array.from({ length: count }, (_, index) => anItem(`s${index}`));

    const { body } = await post(ndjson(items, { systemName: 's' }));

    const started = gateway.workflows.started.find(({ batchId }) => batchId === idOf(body));
    expect(started?.first).toEqual({
      ...{ pageSize: 50, ofHost: 16 },
      ...(hasHosts && { hosts: items.map(() => 'cdn.example.com') }),
    });
  });

  it('takes CSV, what belongs to the batch from the query', async () => {
    const query = `?systemName=csv&context=${encodeURIComponent('{"a":1}')}`;
    const { status, body } = await post(
      'url,id,fileName,metadata.title\r\nhttps://cdn.example.com/a,a,a.mp4,"One, first"\r\n',
      CSV,
      query,
    );

    expect(status).toBe(200);
    expect(await gateway.store.batches.find('p1', idOf(body))).toMatchObject({ systemName: 'csv', context: { a: 1 } });
    expect(await gateway.store.items.find(idOf(body), 0)).toMatchObject({ metadata: { title: 'One, first' } });
  });

  it('takes CSV of a spreadsheet, and says what is wrong with a table in the words of tables', async () => {
    const table = (between: string) =>
      ['\ufeffURL;Id;Filename;;', 'https://cdn.example.com/a b.mp4;a;a.mp4;;', ';;;;', '']
        .join('\r\n')
        .replaceAll(';', between);

    for (const between of [';', '\t']) {
      const { status, body } = await post(table(between), CSV, '?systemName=csv');
      expect(status).toBe(200);
      expect(await externalIds(idOf(body))).toEqual(['a']);
    }
    expect(detailsOf((await post(table('|'), CSV, '?systemName=csv')).body)).toEqual({
      'line.1': 'Has one column only, "URL|Id|Filename||": cells must be separated by comma, semicolon or tab',
    });
  });

  it.each([
    ['NDJSON', NDJSON, '', ndjson([anItem('a')])],
    ['CSV', CSV, '?systemName=s', 'url,id,fileName\nhttps://cdn.example.com/a,a,a\n'],
    ['JSON', { 'content-type': 'application/json' }, '', JSON.stringify({ systemName: 's', videos: [anItem('a')] })],
  ])('takes gzip of %s', async (_name, headers, query, body) => {
    const answer = await post(gzipSync(body), { ...headers, 'content-encoding': 'gzip' }, query);

    expect(answer.status).toBe(200);
    expect(await externalIds(idOf(answer.body))).toEqual(['a']);
  });

  it.each([
    ['what is no gzip', Buffer.from('{"systemName":"s"}\n'), 400, 'The body is not valid gzip'],
    ['gzip that is cut off', gzipSync(ndjson([anItem('a')])).subarray(0, 40), 400, 'The body is not valid gzip'],
    [
      'a decompression bomb',
      gzipSync(ndjson([anItem('a')]) + '\n'.repeat(64 * 1024 * 1024)),
      413,
      'The body must not unpack to more than 100 times its size',
    ],
  ])('refuses %s and leaves nothing', async (_name, body, status, sentence) => {
    const answer = await post(body, { ...NDJSON, 'content-encoding': 'gzip' });

    expect(answer.status).toBe(status);
    expect(detailsOf(answer.body)).toEqual({ body: sentence });
    await expectNothingLeft();
  });

  it('refuses gzip of JSON that has more than 16 MiB once it is unpacked', async () => {
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' };

    expect((await post(gzipSync(' '.repeat(16 * 1024 * 1024 + 1)), headers)).status).toBe(413);
  });

  it('names bad lines by number, refuses all of it and leaves nothing', async () => {
    const before = gateway.workflows.started.length;
    const good = Array.from({ length: 1_500 }, (_, index) => anItem(`g${index}`));
    const lines = [
      ...good.map((item) => JSON.stringify(item)),
      JSON.stringify(anItem('x', { url: 'http://10.0.0.1/', foo: 1 })),
      '',
      '{"url":',
      JSON.stringify(anItem('g7')),
      JSON.stringify(anItem('long', { metadata: { text: 'x'.repeat(3 * 1024 * 1024) } })),
    ];

    const answer = await post(`{"systemName":"s"}\n${lines.join('\n')}`);

    expect(answer.status).toBe(400);
    expect(detailsOf(answer.body)).toEqual({
      'line.1502.foo': 'Additional properties not allowed',
      'line.1502.url': expect.any(String) as unknown,
      'line.1504': 'Must be valid JSON',
      'line.1505.id': 'Must be unique, line 9 has the same',
      'line.1506': 'Must be at most 2097152 bytes',
    });
    expect(answer.text).not.toContain('10.0.0.1');
    await expectNothingLeft();
    expect(gateway.workflows.started).toHaveLength(before);
  });

  it('refuses text and numbers that would be kept as others, in lines and in the query', async () => {
    const url = 'https://cdn.example.com/a';
    const lines = String.raw`{"systemName":"s","context":{"a":9007199254740993}}
{"url":"${url}","id":"a","fileName":"a","metadata":{"n":[9007199254740993]}}`;
    const halves = String.raw`{"systemName":"s"}
{"url":"${url}","id":"a","fileName":"\ud83d","metadata":{"n":9007199254740993}}`;
    const LONG = 'Must be an integer from -9007199254740991 to 9007199254740991; send a larger one as text';

    expect(detailsOf((await post(lines)).body)).toEqual({ 'line.1.context.a': LONG });
    expect(detailsOf((await post(halves)).body)).toEqual({
      'line.2.fileName': 'Must be well-formed Unicode, has half of a surrogate pair',
      'line.2.metadata.n': LONG,
    });
    const query = `?systemName=s&context=${encodeURIComponent('{"a":9007199254740993}')}`;
    expect(detailsOf((await post('url,id,fileName\n', CSV, query)).body)).toEqual({ 'context.a': LONG });
    await expectNothingLeft();
  });

  it('takes the good lines of a partial batch and says which it left out', async () => {
    const body = `${ndjson([anItem('a'), anItem('b', { url: '', id: '' }), anItem('a')])}nonsense\n${JSON.stringify(anItem('c'))}`;

    const answer = await post(body, NDJSON, '?partial=true');

    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      id: expect.any(String) as unknown,
      rejected: [
        { line: 3, error: 'url: Must not be empty; id: Must have 1 to 500 characters' },
        { line: 4, error: 'id: Must be unique, line 2 has the same' },
        { line: 5, error: 'Must be valid JSON' },
      ],
    });
    expect(await externalIds(idOf(answer.body))).toEqual(['a', 'c']);
    expect(await gateway.store.batches.find('p1', idOf(answer.body))).toMatchObject({ itemCount: 2 });
    expect((await post(ndjson([anItem('a')]), NDJSON, '?partial=true')).body).toMatchObject({ rejected: [] });
  });

  it.each<[string, Record<string, string>, string, string, object]>([
    ['no items', NDJSON, '', ndjson([]), { body: 'Must have at least one item' }],
    ['no lines', NDJSON, '', '', { body: 'The first line must be the batch without its items' }],
    [
      'a bad batch',
      NDJSON,
      '',
      ndjson([anItem('a')], { systemName: '', webhook: 'http://10.0.0.1/' }),
      {
        'line.1.systemName': 'Must have 1 to 200 characters',
        'line.1.webhook': expect.any(String) as unknown,
      },
    ],
    [
      'an unknown parameter',
      NDJSON,
      '?systemName=s',
      ndjson([anItem('a')]),
      {
        systemName: 'Is not a parameter of this route',
      },
    ],
    ['a bad flag', NDJSON, '?partial=1', ndjson([anItem('a')]), { partial: 'Must be true or false' }],
    [
      'CSV without a batch',
      CSV,
      '?context=x',
      'url,id,fileName\n',
      {
        systemName: 'Missing required property: systemName',
        context: 'Must be a JSON object',
      },
    ],
    ['CSV without items', CSV, '?systemName=s', 'url,id,fileName\n', { body: 'Must have at least one item' }],
    [
      'partial JSON',
      { 'content-type': 'application/json' },
      '?partial=true',
      '{}',
      {
        partial: 'Is a parameter of application/x-ndjson and application/jsonl and text/csv only',
      },
    ],
  ])('refuses %s with 400', async (_name, headers, query, body, details) => {
    const answer = await post(body, headers, query);

    expect(answer.status).toBe(400);
    expect(detailsOf(answer.body)).toEqual(details);
    await expectNothingLeft();
  });

  const open = (headers: Record<string, string> = NDJSON) =>
    openPost(`${gateway.origin}${VIDEOS}`, { authorization: `Bearer ${gateway.client.token}`, ...headers });

  it('leaves nothing of a client that breaks off half-way', async () => {
    const items = Array.from({ length: 2_500 }, (_, index) => anItem(`h${index}`));
    const posted = open();
    await posted.send(ndjson(items));
    const [batch] = await eventually('a batch that is being stored', async () => {
      const found = await gateway.store.batches.findHalfStored(LATER(), 1);
      return found[0] !== undefined && (await gateway.store.items.find(found[0]._id, 0)) !== null && found;
    });
    posted.request.destroy();

    await eventually('an empty database', async () => {
      return (await gateway.store.batches.findHalfStored(LATER(), 1)).length === 0;
    });
    expect(await externalIds(batch?._id ?? '')).toEqual([]);
  });

  it('answers a refusal while the client still sends', async () => {
    const posted = open();
    await posted.send(`${ndjson([])}${'nonsense\n'.repeat(200)}`);

    const [response] = (await once(posted.request, 'response')) as [{ statusCode: number }];

    expect(response.statusCode).toBe(400);
    posted.request.destroy();
  });

  describe('with an Idempotency-Key', () => {
    const keyed = (key: string, body: string | Buffer, more: Record<string, string> = {}, query = '') =>
      post(body, { ...NDJSON, 'idempotency-key': key, ...more }, query);

    it('answers the same lines with the same id, packed or not, and other lines with 422', async () => {
      const body = ndjson([anItem('a'), anItem('b')]);
      const first = await keyed('lines-1', body);
      const started = gateway.workflows.started.length;

      expect((await keyed('lines-1', body)).body).toEqual(first.body);
      expect((await keyed('lines-1', gzipSync(body), { 'content-encoding': 'gzip' })).body).toEqual(first.body);
      expect((await keyed('lines-1', ndjson([anItem('a')]))).status).toBe(422);
      expect((await keyed('lines-1', body, {}, '?partial=true')).status).toBe(422);
      const json = { systemName: 's', videos: [anItem('a')] };
      const asJson = await gateway.client.post(VIDEOS, json, { headers: { 'idempotency-key': 'lines-1' } });
      expect(asJson.status).toBe(422);
      expect(gateway.workflows.started).toHaveLength(started);
      expect(await externalIds(idOf(first.body))).toEqual(['a', 'b']);
    });

    it('answers a repeated partial batch with the same lines left out', async () => {
      const many = Array.from({ length: 1_200 }, (_, index) => anItem(`p${index}`));
      const body = ndjson([...many, anItem('p3'), { url: '' }]);
      const first = await keyed('lines-2', body, {}, '?partial=true');

      expect((first.body as { rejected: unknown[] }).rejected).toHaveLength(2);
      expect((await keyed('lines-2', body, {}, '?partial=true')).body).toEqual(first.body);
    });

    it('answers 409 while the first is being sent, and is free again when that breaks off', async () => {
      const posted = open({ ...NDJSON, 'idempotency-key': 'lines-3' });
      await posted.send(ndjson([anItem('a')]));
      await eventually('a batch that is being stored', async () => {
        return (await gateway.store.batches.findHalfStored(LATER(), 1)).length === 1;
      });
      expect((await keyed('lines-3', ndjson([anItem('a')]))).status).toBe(409);
      const json = { systemName: 's', videos: [anItem('a')] };
      const asJson = await gateway.client.post(VIDEOS, json, { headers: { 'idempotency-key': 'lines-3' } });
      expect(asJson.status).toBe(409);

      posted.request.destroy();

      const again = await eventually('a free key', async () => {
        const answer = await keyed('lines-3', ndjson([anItem('b')]));
        return answer.status === 200 && answer;
      });
      expect(await externalIds(idOf(again.body))).toEqual(['b']);
    });

    it('is not used up by lines that were refused', async () => {
      expect((await keyed('lines-4', ndjson([{}]))).status).toBe(400);
      expect((await keyed('lines-4', ndjson([anItem('a')]))).status).toBe(200);
    });
  });

  it('reads no faster than it can store', async () => {
    let release: () => void = () => undefined;
    const blocked = new Promise<void>((resolve) => (release = resolve));
    const slow = await aGateway({
      replace: ({ store }) => ({
        store: {
          ...store,
          items: {
            ...store.items,
            insertMany: async (...args) => {
              await blocked;
              await store.items.insertMany(...args);
            },
          },
        },
      }),
    });
    const posted = openPost(`${slow.origin}${VIDEOS}`, { authorization: `Bearer ${slow.client.token}`, ...NDJSON });
    await posted.send(ndjson([]));
    const filling = 'x'.repeat(2_000);
    const line = (index: number) => `${JSON.stringify(anItem(`s${index}`, { metadata: { filling } }))}\n`;
    let sent = 0;
    // 50 MB: far more than two chunks and the buffers of two sockets hold.
    const sending = (async () => {
      for (; sent < 25_000; sent += 1) await posted.send(line(sent));
    })();
    let before = -1;
    await eventually('a client that cannot go on', async () => {
      const isStill = sent > 0 && sent === before;
      before = sent;
      await pause(500);
      return isStill && sent === before;
    });
    const held = sent;
    release();
    await sending;

    expect(held).toBeLessThan(15_000);
    expect(await posted.answer()).toMatchObject({ status: 200 });
    await slow.close();
  }, 180_000);
});

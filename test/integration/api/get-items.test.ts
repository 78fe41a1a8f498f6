import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { aBatch, aSettlement, anAttempt, anItemSpec, itemSpecs } from '../../support/builders.js';
import { aGateway, type TestGateway } from '../../support/gateway.js';

interface Page {
  readonly items: readonly { readonly seq: number }[];
  readonly next: string | null;
}

describe('GET /api/:v/imports/:id/items', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await aGateway();
  });
  afterAll(() => gateway.close());

  /** Of project p1: 0 open, 1 waiting, 2 imported, 3 skipped, 4 failed, and further ones that are open, on another host. */
  const aStoredBatch = async (count = 6) => {
    const batch = aBatch({ projectId: 'p1', itemCount: count });
    const { batches, items } = gateway.store;
    await batches.insert(batch);
    const specs = itemSpecs(count).map((spec) => (spec.seq < 5 ? spec : { ...spec, host: 'other.example' }));
    await items.insertMany(batch, specs);
    await batches.markAccepted(batch._id, { itemCount: count, importSeq: 1 });
    const nextAttemptAt = new Date('2026-01-01T00:00:00Z');
    await items.recordAttempt(batch._id, 1, anAttempt({ code: 'http_5xx', httpStatus: 503 }), 'busy', nextAttemptAt);
    await items.settle(aSettlement(batch._id, 2));
    await items.settle(aSettlement(batch._id, 3, { state: 'skipped', code: 'already_exists', action: 'unchanged' }));
    await items.settle({ batchId: batch._id, seq: 4, state: 'failed', code: 'http_404', reason: 'not there' });
    return batch._id;
  };
  const get = async (id: string, query = '') => gateway.client.get(`/api/v1/imports/${id}/items${query}`);
  const seqs = (body: unknown) => (body as Page).items.map(({ seq }) => seq);

  it('shows everything that is known of each item, and nothing that is not', async () => {
    const { status, body } = await get(await aStoredBatch());

    const host = 'cdn.example.com';
    const updatedAt = expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) as unknown;
    const lastAttempt = { stage: 'record', httpStatus: 200, durationMs: 12 };
    const asset = {
      mediaId: 'media2',
      bytes: 1_000,
      mimeType: 'video/mp4',
      sha256: expect.any(String) as unknown,
      assetUrl: expect.stringMatching(/^https:\/\/assets\.example\.com\/assets\/[0-9a-f]{64}\.bin$/) as unknown,
    };
    expect(status).toBe(200);
    expect(body).toEqual({
      items: [
        { seq: 0, externalId: 'ext-0', state: 'open', attempts: 0, host, updatedAt },
        {
          ...{ seq: 1, externalId: 'ext-1', state: 'open', attempts: 1, host, updatedAt },
          ...{ code: 'http_5xx', reason: 'busy', nextAttemptAt: '2026-01-01T00:00:00.000Z' },
          lastAttempt: { ...lastAttempt, httpStatus: 503 },
        },
        {
          ...{ seq: 2, externalId: 'ext-2', state: 'success', attempts: 1, host, updatedAt, lastAttempt },
          ...{ ...asset, action: 'created' },
        },
        {
          ...{ seq: 3, externalId: 'ext-3', state: 'skipped', attempts: 1, host, updatedAt, lastAttempt },
          ...{ ...asset, mediaId: 'media3', action: 'unchanged', code: 'already_exists' },
        },
        {
          ...{ seq: 4, externalId: 'ext-4', state: 'failed', attempts: 0, host, updatedAt },
          ...{ code: 'http_404', reason: 'not there' },
        },
        { seq: 5, externalId: 'ext-5', state: 'open', attempts: 0, host: 'other.example', updatedAt },
      ],
      next: null,
    });
  });

  it('filters by state, code and host, and by all of them', async () => {
    const id = await aStoredBatch(8);

    const found = async (query: string) => seqs((await get(id, query)).body);
    expect(await found('?state=open')).toEqual([0, 1, 5, 6, 7]);
    expect(await found('?state=success')).toEqual([2]);
    expect(await found('?state=skipped')).toEqual([3]);
    expect(await found('?code=http_404')).toEqual([4]);
    expect(await found('?code=already_exists')).toEqual([3]);
    expect(await found('?code=http_5xx&state=open')).toEqual([1]);
    expect(await found('?code=http_5xx&state=failed')).toEqual([]);
    expect(await found('?host=OTHER.example')).toEqual([5, 6, 7]);
    expect(await found('?host=cdn.example.com&state=open')).toEqual([0, 1]);
    expect(await found('?state=failed&code=http_404&host=cdn.example.com')).toEqual([4]);
    expect(await found('?state=failed&code=http_404&host=other.example')).toEqual([]);
  });

  it('finds what is rare far behind the start', async () => {
    const id = await aStoredBatch(1_300);
    const settled = { batchId: id, state: 'failed', reason: 'gone' } as const;
    for (const seq of [1_100, 1_200]) await gateway.store.items.settle({ ...settled, seq, code: 'http_410' });

    expect(seqs((await get(id, '?state=failed')).body)).toEqual([4, 1_100, 1_200]);
    expect((await get(id, '?code=http_410&limit=1')).body).toMatchObject({ items: [{ seq: 1_100 }], next: '1100' });
    expect((await get(id, '?code=http_410&limit=1&after=1100')).body).toMatchObject({
      items: [{ seq: 1_200 }],
      next: null,
    });
  });

  it.each(['', '&state=open', '&host=other.example', '&state=open&host=other.example'])(
    'is read to its end page by page with %p, nothing twice',
    async (filter) => {
      const id = await aStoredBatch(25);
      const whole = seqs((await get(id, `?limit=1000${filter}`)).body);

      const pages: number[][] = [];
      for (let after = ''; ;) {
        const { body } = await get(id, `?limit=4${filter}${after}`);
        pages.push(seqs(body));
        const { next } = body as Page;
        if (next === null) break;
        after = `&after=${next}`;
      }

      expect(pages.flat()).toEqual(whole);
      expect(pages.slice(0, -1).every((page) => page.length === 4)).toBe(true);
      expect(pages.at(-1)?.length).toBeGreaterThan(0);
    },
  );

  it('has no next page when the last one is full, and a hundred items without a limit', async () => {
    const id = await aStoredBatch(101);

    expect((await get(id, '?limit=101')).body).toMatchObject({ next: null });
    const { items, next } = (await get(id)).body as Page;
    expect(items).toHaveLength(100);
    expect(next).not.toBeNull();
  });

  it('names every bad parameter', async () => {
    const id = await aStoredBatch();

    const { status, body } = await get(id, '?state=done&code=x&host=&after=a&limit=0&foo=1&limit=2&__proto__=1');

    expect(status).toBe(400);
    expect((body as { error_details: unknown }).error_details).toEqual({
      state: 'Must be one of open, success, skipped, failed',
      code: 'Must be a reason code',
      host: 'Must have 1 to 255 characters',
      after: 'Must be the next of an earlier page',
      limit: 'Must be given once',
      foo: 'Is not a parameter of this route',
      ['__proto__']: 'Is not a parameter of this route',
    });
    for (const limit of ['0', '1001', '1.5', 'x', '-1'])
      expect((await get(id, `?limit=${limit}`)).body).toMatchObject({
        error_details: { limit: 'Must be a whole number from 1 to 1000' },
      });
  });

  it('neither reads nor holds metadata, and cuts reasons that were stored before they were limited', async () => {
    const batch = aBatch({ projectId: 'p1', itemCount: 2 });
    await gateway.store.batches.insert(batch);
    const metadata = { secret: 'x'.repeat(100_000) };
    await gateway.store.items.insertMany(batch, [anItemSpec(0, { metadata }), anItemSpec(1)]);
    await gateway.store.batches.markAccepted(batch._id, { itemCount: 2, importSeq: 1 });
    await gateway.store.items.settleOpen(batch._id, 'cancelled', 'no '.repeat(1_000_000));

    const [item] = await gateway.store.items.list(batch._id, { afterSeq: -1, limit: 1 });
    const { text } = await get(batch._id);

    for (const field of ['url', 'metadata', 'fileName', 'settledBy']) expect(item).not.toHaveProperty(field);
    expect(item?.reason).toHaveLength(2_000);
    expect(text.length).toBeLessThan(6_000);
  });

  it('ends a page early that comes to 2 MiB, and is read to its end nevertheless', async () => {
    const batch = aBatch({ projectId: 'p1', itemCount: 1_000 });
    await gateway.store.batches.insert(batch);
    await gateway.store.items.insertMany(batch, itemSpecs(1_000));
    await gateway.store.batches.markAccepted(batch._id, { itemCount: 1_000, importSeq: 1 });
    await gateway.store.items.settleOpen(batch._id, 'cancelled', '\u4e16'.repeat(2_000));

    const found: number[] = [];
    let pages = 0;
    for (let after = ''; ; pages += 1) {
      const { body, text } = await get(batch._id, `?limit=1000${after}`);
      expect(Buffer.byteLength(text)).toBeLessThanOrEqual(2 * 1024 ** 2);
      found.push(...seqs(body));
      const { next } = body as Page;
      if (next === null) break;
      after = `&after=${next}`;
    }

    expect(pages).toBeGreaterThan(1);
    expect(found).toEqual(Array.from({ length: 1_000 }, (_, seq) => seq));
  });

  it('answers 404 for an import of another project, one that is being stored, and none', async () => {
    const id = await aStoredBatch();
    const storing = aBatch({ projectId: 'p1' });
    await gateway.store.batches.insert(storing);
    await gateway.store.items.insertMany(storing, [anItemSpec(0)]);
    const other = await gateway.clientOf({ projectId: 'p2' });
    const reader = await gateway.clientOf({ scope: 'public-api:read' });
    const operator = await gateway.clientOf({ scope: 'operations' });

    expect((await other.get(`/api/v1/imports/${id}/items`)).status).toBe(404);
    expect((await get(storing._id)).status).toBe(404);
    expect((await get('abcdefghijkl')).status).toBe(404);
    expect((await reader.get(`/api/v1/imports/${id}/items`)).status).toBe(200);
    expect((await operator.get(`/api/v1/imports/${id}/items`)).status).toBe(403);
  });
});

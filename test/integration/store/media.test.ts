import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mediaIdOf } from '../../../src/domain/ids.js';
import type { MediaStore, MediaWrite } from '../../../src/store/store.js';
import { aMediaWrite, anAsset, aProjectId } from '../../support/builders.js';
import { aTestStore, type TestStore } from '../../support/store.js';

let test: TestStore;
let media: MediaStore;

beforeAll(async () => {
  test = await aTestStore();
  ({ media } = test.store);
});
afterAll(() => test.close());

const idOf = ({ projectId, systemName, externalId }: MediaWrite) => mediaIdOf(projectId, systemName, externalId);
const held = (write: MediaWrite) => media.find(write.projectId, idOf(write));

describe('media upsert', () => {
  it('creates media that is new and answers it as it was written', async () => {
    const metadata = {
      'a.b': { 'c.d': [1, { _bsontype: 'Int32', value: 1 }] },
      n: null,
      big: 2 ** 40,
      f: 0.1,
      '': 'x',
    };
    const write = aMediaWrite({ metadata, asset: anAsset('a', { width: 2, height: 1 }) });

    const written = await media.upsert(write);

    expect(written).toEqual({ result: 'created', mediaId: idOf(write), asset: write.asset });
    const dates = { createdAt: test.now(), updatedAt: test.now() };
    await expect(held(write)).resolves.toStrictEqual({ ...write, _id: idOf(write), ...dates, importAction: 'created' });
  });

  it('hides media from another project', async () => {
    const write = aMediaWrite();
    await media.upsert(write);

    await expect(media.find(aProjectId(), idOf(write))).resolves.toBeNull();
  });

  it('updates changed content in place and keeps the time of creation', async () => {
    const first = aMediaWrite({ asset: anAsset('a', { width: 2, height: 1 }) });
    await media.upsert(first);
    const createdAt = test.now();
    test.advance(1_000);
    const second = { ...first, asset: anAsset('b'), importId: 'batch-2', importSeq: 2 };

    const written = await media.upsert(second);

    expect(written).toMatchObject({ result: 'updated', asset: second.asset });
    const expected = { ...second, _id: idOf(first), createdAt, updatedAt: test.now(), importAction: 'updated' };
    await expect(held(first)).resolves.toStrictEqual(expected);
  });

  it('leaves the same content as it is, but fences off older batches', async () => {
    const first = aMediaWrite({ metadata: { a: 1, b: 2 } });
    await media.upsert(first);
    const again = { ...first, metadata: { b: 2, a: 1 }, importId: 'batch-3', importSeq: 3 };
    const late = { ...first, asset: anAsset('b'), importId: 'batch-2', importSeq: 2 };

    const unchanged = await media.upsert(again);
    const superseded = await media.upsert(late);

    expect(unchanged).toMatchObject({ result: 'unchanged', asset: first.asset });
    expect(superseded).toMatchObject({ result: 'superseded', asset: first.asset });
    await expect(held(first)).resolves.toMatchObject({ importId: 'batch-1', importSeq: 3, asset: first.asset });
  });

  it.each(['created', 'updated', 'unchanged'] as const)('reports %s again to a repeated attempt', async (result) => {
    const write = aMediaWrite({ importId: 'batch-2', importSeq: 2 });
    if (result !== 'created') {
      await media.upsert({
        ...write,
        importId: 'batch-1',
        importSeq: 1,
        asset: anAsset(result === 'updated' ? 'b' : 'a'),
      });
    }
    const first = await media.upsert(write);
    const before = await held(write);

    const second = await media.upsert(write);

    expect(first.result).toBe(result);
    expect(second).toEqual(first);
    await expect(held(write)).resolves.toStrictEqual(before);
  });

  it('refuses another kind and leaves the media as it is', async () => {
    const video = aMediaWrite();
    await media.upsert(video);

    const written = await media.upsert({
      ...video,
      kind: 'file',
      importId: 'batch-2',
      importSeq: 2,
      asset: anAsset('b'),
    });

    expect(written).toEqual({ result: 'kind_conflict', mediaId: idOf(video), asset: video.asset });
    await expect(held(video)).resolves.toMatchObject({ kind: 'video', importSeq: 1, asset: video.asset });
  });

  it('keeps pairs apart', async () => {
    const write = aMediaWrite();

    const written = await Promise.all([
      media.upsert(write),
      media.upsert({ ...write, externalId: 'ext-2' }),
      media.upsert({ ...write, systemName: 'dam' }),
      media.upsert({ ...write, projectId: aProjectId() }),
    ]);

    expect(new Set(written.map(({ mediaId }) => mediaId)).size).toBe(4);
    expect(written.every(({ result }) => result === 'created')).toBe(true);
  });

  it('is unique by the pair even if ids were derived otherwise', async () => {
    const write = aMediaWrite();
    await media.upsert(write);
    const collection = test.database.db.collection<{ _id: string }>('media');

    const copy = { ...(await collection.findOne({ _id: idOf(write) })), _id: 'another-id' };

    await expect(collection.insertOne(copy)).rejects.toMatchObject({ code: 11_000 });
  });
});

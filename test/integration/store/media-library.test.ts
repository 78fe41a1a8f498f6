import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { mediaIdOf } from '../../../src/domain/ids.js';
import { listMedia, type StoredMedia } from '../../../src/store/media-queries.js';
import { SAME_BYTES_SHOWN, type MediaFilter } from '../../../src/store/store.js';
import { aMediaWrite, anAsset, aProjectId } from '../../support/builders.js';
import { aTestStore, type TestStore } from '../../support/store.js';

let test: TestStore;
let projectId: string;

beforeAll(async () => {
  test = await aTestStore();
});
afterAll(() => test.close());
beforeEach(() => {
  projectId = aProjectId();
});

const page = { limit: 100, maxBytes: 2 ** 20 };
const idOf = (externalId: string, systemName = 'cms') => mediaIdOf(projectId, systemName, externalId);

/** A second later than the one before. */
async function store(externalId: string, changes: Parameters<typeof aMediaWrite>[0] = {}): Promise<void> {
  test.advance(1_000);
  await test.store.media.upsert(aMediaWrite({ projectId, externalId, ...changes }));
}

async function listed(filter: MediaFilter): Promise<string[]> {
  const { media } = await test.store.media.list(projectId, filter, page);
  return media.map(({ externalId }) => externalId);
}

describe('the media of a project', () => {
  it('are listed newest first, and those of another project are not', async () => {
    await store('a');
    await store('b');
    await test.store.media.upsert(aMediaWrite({ externalId: 'foreign' }));

    expect(await listed({})).toEqual(['b', 'a']);
  });

  it('stay in their place when they are updated', async () => {
    await store('a');
    await store('b');
    await store('a', { content: 'other', importId: 'later', importSeq: 2 });

    expect(await listed({})).toEqual(['b', 'a']);
  });

  it('are found by each of their properties, and by several at once', async () => {
    await store('clip', { systemName: 'dam', metadata: { alt: 'A dog' } });
    await store('none', {
      kind: 'file',
      mediaType: 'file',
      metadata: {},
      asset: anAsset('n', { mimeType: 'text/csv' }),
    });
    await store('null', { metadata: { alt: null } });
    await store('empty', { metadata: { alt: '' }, asset: anAsset('e', { hasPosition: true }) });

    expect(await listed({ systemName: 'dam' })).toEqual(['clip']);
    expect(await listed({ externalId: 'null' })).toEqual(['null']);
    expect(await listed({ kind: 'file' })).toEqual(['none']);
    expect(await listed({ mimeType: 'text/csv' })).toEqual(['none']);
    expect(await listed({ sha256: anAsset('a').sha256 })).toEqual(['null', 'clip']);
    expect(await listed({ missing: 'alt' })).toEqual(['empty', 'null', 'none']);
    expect(await listed({ hasPosition: true })).toEqual(['empty']);
    expect(await listed({ hasPosition: false })).toEqual(['null', 'none', 'clip']);
    expect(await listed({ missing: 'alt', kind: 'video', hasPosition: false })).toEqual(['null']);
  });

  it('are found by a part of their external id or file name, whatever its case and its characters', async () => {
    await store('press/IMG_1.jpg', { fileName: 'one.jpg' });
    await store('2', { fileName: 'Summer (1).mp4' });
    await store('3', { fileName: 'summer-11.mp4' });

    expect(await listed({ search: 'img_1' })).toEqual(['press/IMG_1.jpg']);
    expect(await listed({ search: 'r (1)' })).toEqual(['2']);
    expect(await listed({ search: 'SUMMER' })).toEqual(['3', '2']);
    expect(await listed({ search: '.*' })).toEqual([]);
  });

  it('are found by an id as a whole before any that only contain it', async () => {
    await store('12');
    await store('123');

    expect(await listed({ search: '12' })).toEqual(['12']);
    expect(await listed({ search: idOf('123') })).toEqual(['123']);
  });

  it('are not missed or repeated by paging, also when several are of the same millisecond', async () => {
    const names = Array.from({ length: 7 }, (_, index) => `same-${index}`);
    for (const externalId of names) await test.store.media.upsert(aMediaWrite({ projectId, externalId }));
    await store('newest');

    const seen: string[] = [];
    let next: Awaited<ReturnType<typeof test.store.media.list>>['next'] = null;
    do {
      const answer = await test.store.media.list(projectId, {}, { ...page, limit: 3, ...(next && { after: next }) });
      seen.push(...answer.media.map(({ externalId }) => externalId));
      ({ next } = answer);
    } while (next !== null);

    expect(seen[0]).toBe('newest');
    expect(seen.slice(1).sort()).toEqual(names);
  });

  it('come in shorter pages when they are large, and at least one at a time', async () => {
    for (const name of ['a', 'b', 'c']) await store(name, { metadata: { text: 'x'.repeat(40_000) } });

    const first = await test.store.media.list(projectId, {}, { limit: 3, maxBytes: 90_000 });
    const tiny = await test.store.media.list(projectId, {}, { limit: 3, maxBytes: 1 });

    expect(first.media.map(({ externalId }) => externalId)).toEqual(['c', 'b']);
    expect(first.next).toEqual({ _id: idOf('b'), createdAt: first.media[1]?.createdAt });
    expect(tiny.media).toHaveLength(1);
  });

  it('are looked at in bounded steps by a filter without an index, and no step misses one', async () => {
    for (let count = 0; count < 10; count += 1) await store(`${count}`, { kind: count % 5 === 0 ? 'file' : 'video' });
    const collection = test.database.db.collection<StoredMedia>('media');

    const steps: string[][] = [];
    let next: Awaited<ReturnType<typeof listMedia>>['next'] = null;
    do {
      const request = { ...page, ...(next && { after: next }) };
      const answer = await listMedia(collection, projectId, { kind: 'file' }, request, 3);
      steps.push(answer.media.map(({ externalId }) => externalId));
      ({ next } = answer);
    } while (next !== null);

    expect(steps).toEqual([[], ['5'], [], ['0']]);
  });
});

describe('media with the same bytes', () => {
  it('are told by their ids, those of the project alone, and not more than are shown', async () => {
    const many = SAME_BYTES_SHOWN + 5;
    for (let count = 0; count < many; count += 1) await store(`${count}`);
    await store('once', { content: 'b' });
    await test.store.media.upsert(aMediaWrite());

    const [a, b] = [anAsset('a').sha256, anAsset('b').sha256];
    const same = await test.store.media.sameBytes(projectId, [a, b, b]);

    const all = Array.from({ length: many }, (_, count) => idOf(`${count}`));
    expect(same.get(a)).toHaveLength(SAME_BYTES_SHOWN + 1);
    expect(all).toEqual(expect.arrayContaining([...(same.get(a) ?? [])]));
    expect(same.get(b)).toEqual([idOf('once')]);
  });
});

describe('a deleted media', () => {
  const remove = (externalId: string, importSeq: number) =>
    test.store.media.remove(projectId, idOf(externalId), importSeq);

  it('is gone from every look at it, and its bytes are referred to no longer', async () => {
    const asset = anAsset('deleted bytes');
    await store('a', { asset });

    expect(await remove('a', 5)).toBe(true);

    expect(await test.store.media.find(projectId, idOf('a'))).toBeNull();
    expect(await listed({})).toEqual([]);
    expect(await listed({ externalId: 'a' })).toEqual([]);
    expect(await listed({ search: idOf('a') })).toEqual([]);
    expect(await test.store.media.referenced([asset.sha256])).toEqual(new Set());
    expect(await test.store.media.mimeTypes(asset.sha256)).toEqual([]);
    expect(await test.store.media.findContent(aMediaWrite({ projectId, externalId: 'a' }))).toBeNull();
  });

  it('is unknown to a second deletion, and to one of another project', async () => {
    await store('a');

    expect(await test.store.media.remove(aProjectId(), idOf('a'), 5)).toBe(false);
    expect(await remove('a', 5)).toBe(true);
    expect(await remove('a', 6)).toBe(false);
  });

  it('is not brought back by an import that was accepted before', async () => {
    await store('a');
    const before = aMediaWrite({ projectId, externalId: 'a', importId: 'running', importSeq: 4, content: 'new' });
    const known = await test.store.media.findContent(before);
    await remove('a', 5);

    expect((await test.store.media.upsert(before)).result).toBe('superseded');
    expect((await test.store.media.upsert(before, known)).result).toBe('superseded');
    expect(await listed({})).toEqual([]);
  });

  it('is created anew by an import that was accepted later, whatever its kind', async () => {
    await store('a');
    await remove('a', 5);
    test.advance(1_000);
    const later = aMediaWrite({ projectId, externalId: 'a', kind: 'file', importId: 'later', importSeq: 6 });

    const written = await test.store.media.upsert(later);
    const again = await test.store.media.upsert(later);

    expect([written.result, again.result]).toEqual(['created', 'created']);
    const dates = { createdAt: test.now(), updatedAt: test.now() };
    await expect(test.store.media.find(projectId, idOf('a'))).resolves.toStrictEqual({
      ...later,
      ...dates,
      _id: idOf('a'),
      importAction: 'created',
    });
  });

  it('stays when an import that was accepted after the request has written it', async () => {
    await store('a', { importSeq: 7 });

    expect(await remove('a', 5)).toBe(true);
    expect(await listed({})).toEqual(['a']);
  });
});

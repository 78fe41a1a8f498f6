import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Document } from 'mongodb';
import type { MediaContent, MediaStore, MediaWrite } from '../../../src/store/store.js';
import { aMediaSource, aMediaWrite, anAsset, aProjectId } from '../../support/builders.js';
import { aTestStore, type TestStore } from '../../support/store.js';

let test: TestStore;
let media: MediaStore;

beforeAll(async () => {
  test = await aTestStore();
  ({ media } = test.store);
});
afterAll(() => test.close());

async function contentOf(write: MediaWrite): Promise<MediaContent> {
  const content = await media.findContent(write);
  if (content === null) throw new Error('The pair holds nothing');
  return content;
}

/** Everything that is stored of the media of a project, tokens included. */
const documentsOf = (projectId: string): Promise<Document[]> =>
  test.database.db.collection('media').find({ projectId }).toArray();

/** The same pair in a later batch. */
const later = (write: MediaWrite, importSeq: number, changes: Partial<MediaWrite> = {}): MediaWrite => ({
  ...write,
  importId: `batch-${importSeq}`,
  importSeq,
  ...changes,
});

describe('the content of a pair', () => {
  it('is null while there is none', async () => {
    await expect(media.findContent(aMediaWrite())).resolves.toBeNull();
  });

  it('is the media as it was written, free-form keys included', async () => {
    const write = aMediaWrite({ metadata: { 'a.b': { _bsontype: 'Int32' }, $set: { n: null } } });
    const { mediaId } = await media.upsert(write);

    const { media: found } = await contentOf(write);

    expect(found).toStrictEqual(await media.find(write.projectId, mediaId));
    expect(found).toMatchObject({ metadata: write.metadata, source: write.source });
  });

  it('is read for many pairs at once, each its own', async () => {
    const projectId = aProjectId();
    const writes = Array.from({ length: 700 }, (_, n) => aMediaWrite({ projectId, externalId: `ext-${n}` }));
    await Promise.all(writes.map((write) => media.upsert(write)));

    const found = await Promise.all(writes.map((write) => contentOf(write)));

    expect(found.map((content) => content.media.externalId)).toEqual(writes.map(({ externalId }) => externalId));
    expect(new Set(found.map(({ contentToken }) => contentToken)).size).toBe(700);
  });

  it('has another token after every change, also back to the same content, and the same token without one', async () => {
    const write = aMediaWrite();
    const steps = [write, later(write, 2), later(write, 3, { asset: anAsset('b') }), later(write, 4)];

    const tokens: string[] = [];
    for (const step of steps) {
      await media.upsert(step);
      tokens.push((await contentOf(write)).contentToken);
    }

    const [created, confirmed, changed, changedBack] = tokens;
    expect(confirmed).toBe(created);
    expect(new Set([created, changed, changedBack]).size).toBe(3);
  });
});

describe('the source of a content', () => {
  it('is replaced with the content, whole', async () => {
    const write = aMediaWrite({ source: aMediaSource('a', { lastModified: 'Sat, 01 Jan 2000 00:00:00 GMT' }) });
    await media.upsert(write);
    const source = aMediaSource('b', { urlSha256: '6'.repeat(64) });

    await media.upsert(later(write, 2, { asset: anAsset('b'), source }));

    expect((await contentOf(write)).media.source).toStrictEqual(source);
  });

  it('is refreshed when the same content came from elsewhere, and the content stays', async () => {
    const write = aMediaWrite();
    await media.upsert(write);
    const before = await contentOf(write);
    test.advance(1_000);
    const source = aMediaSource('moved', { urlSha256: '6'.repeat(64) });

    const written = await media.upsert(later(write, 2, { source }));

    expect(written.result).toBe('unchanged');
    const { contentToken, media: after } = await contentOf(write);
    expect(contentToken).toBe(before.contentToken);
    expect(after).toStrictEqual({ ...before.media, importSeq: 2, source });
  });

  it('is not taken from an older batch', async () => {
    const write = aMediaWrite({ importSeq: 2 });
    await media.upsert(write);

    await media.upsert(later(write, 1, { source: aMediaSource('old') }));

    expect((await contentOf(write)).media.source).toStrictEqual(write.source);
  });
});

/** Whether the caller hands over what it has read, or the store reads for itself. */
describe.each([
  ['with what was read', (content: MediaContent) => content],
  ['without what was read', () => null],
])('an upsert %s', (_, known) => {
  it('confirms content that it is based on', async () => {
    const write = aMediaWrite({ metadata: { a: 1, b: { c: 2 } } });
    await media.upsert(write);
    const content = await contentOf(write);
    const again = later(write, 2, { metadata: { b: { c: 2 }, a: 1 }, basedOn: content.contentToken });

    const written = await media.upsert(again, known(content));

    expect(written).toMatchObject({ result: 'unchanged', asset: write.asset });
    const [stored] = await documentsOf(write.projectId);
    expect(stored).toMatchObject({ importId: 'batch-1', importSeq: 2, contentToken: content.contentToken });
    expect(stored).not.toHaveProperty('basedOn');
  });

  it('gives content that it is based on another name', async () => {
    const write = aMediaWrite();
    await media.upsert(write);
    const content = await contentOf(write);
    const renamed = later(write, 2, { fileName: 'renamed.mp4', basedOn: content.contentToken });

    const written = await media.upsert(renamed, known(content));
    const repeated = await media.upsert(renamed, known(content));

    expect(written).toMatchObject({ result: 'updated', asset: write.asset });
    expect(repeated).toEqual(written);
    const { media: after } = await contentOf(write);
    expect(after).toMatchObject({ fileName: 'renamed.mp4', importId: 'batch-2', asset: write.asset });
  });

  it.each(['clip.mp4', 'renamed.mp4'])(
    'writes nothing when the content is another one by now (%s)',
    async (fileName) => {
      const write = aMediaWrite();
      await media.upsert(write);
      const content = await contentOf(write);
      await media.upsert(later(write, 2, { asset: anAsset('b') }));
      // Back to the same bytes: what was asked of the source in between is not known.
      await media.upsert(later(write, 3));
      const before = await documentsOf(write.projectId);

      const written = await media.upsert(later(write, 4, { fileName, basedOn: content.contentToken }), known(content));

      expect(written.result).toBe('stale');
      await expect(documentsOf(write.projectId)).resolves.toStrictEqual(before);
    },
  );

  it('updates a media that was created after its import had found none', async () => {
    const write = aMediaWrite();
    await media.upsert(write);

    const written = await media.upsert(later(write, 2, { asset: anAsset('b') }), null);

    expect(written).toMatchObject({ result: 'updated', asset: anAsset('b') });
  });

  it('gives way to a newer batch, which it hears before that the content is another one', async () => {
    const write = aMediaWrite();
    await media.upsert(write);
    const content = await contentOf(write);
    await media.upsert(later(write, 3, { asset: anAsset('b') }));

    const written = await media.upsert(later(write, 2, { basedOn: content.contentToken }), known(content));

    expect(written).toMatchObject({ result: 'superseded', asset: anAsset('b') });
  });

  it('gives way to a newer batch that has confirmed the same content meanwhile', async () => {
    const write = aMediaWrite();
    await media.upsert(write);
    const content = await contentOf(write);
    await media.upsert(later(write, 3));

    const written = await media.upsert(later(write, 2, { basedOn: content.contentToken }), known(content));

    expect(written).toMatchObject({ result: 'superseded', asset: write.asset });
    expect((await contentOf(write)).media.importSeq).toBe(3);
  });

  it('fetched anew ends as if nothing had been known, when what was read is out of date', async () => {
    const write = aMediaWrite();
    await media.upsert(write);
    const content = await contentOf(write);
    await media.upsert(later(write, 2, { asset: anAsset('b') }));

    const [confirming, replacing, own] = [
      await media.upsert(later(write, 3, { asset: anAsset('b') }), known(content)),
      await media.upsert(later(write, 4, { asset: anAsset('c') }), known(content)),
      await media.upsert(later(write, 4, { asset: anAsset('c') }), known(content)),
    ];

    expect([confirming, replacing, own].map(({ result }) => result)).toEqual(['unchanged', 'updated', 'updated']);
    expect((await contentOf(write)).media).toMatchObject({ importSeq: 4, asset: anAsset('c') });
  });
});

describe('an upsert that is based on content of a pair that holds none', () => {
  it('is stale', async () => {
    const write = aMediaWrite({ basedOn: 'some token' });

    await expect(media.upsert(write)).resolves.toMatchObject({ result: 'stale' });
    await expect(documentsOf(write.projectId)).resolves.toEqual([]);
  });
});

describe('referenced', () => {
  const referenced = async (...contents: string[]) => {
    const asked = contents.map((content) => anAsset(content).sha256);
    const found = await media.referenced(asked);
    return contents.filter((_, index) => found.has(asked[index] ?? ''));
  };

  it('names the blobs that media of any project hold now', async () => {
    const write = aMediaWrite({ content: 'held once' });
    await media.upsert(write);
    await media.upsert(aMediaWrite({ content: 'held twice' }));
    await media.upsert(aMediaWrite({ content: 'held twice' }));
    await media.upsert(later(write, 2, { asset: anAsset('held instead') }));

    await expect(referenced('held once', 'held twice', 'never held', 'held instead')).resolves.toEqual([
      'held twice',
      'held instead',
    ]);
    await expect(media.referenced([])).resolves.toEqual(new Set());
  });

  it('answers for a thousand at once', async () => {
    await media.upsert(aMediaWrite({ content: 'content 999' }));

    const asked = Array.from({ length: 1_000 }, (_, n) => `content ${n}`);

    await expect(referenced(...asked)).resolves.toEqual(['content 999']);
  });
});

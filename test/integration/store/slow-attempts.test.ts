import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { MediaStore, MediaWrite, MediaWritten } from '../../../src/store/store.js';
import { collectionsOf } from '../../../src/store/collections.js';
import { createMediaStore } from '../../../src/store/media.js';
import { aMediaWrite, anAsset } from '../../support/builders.js';
import { aTestStore, type TestStore } from '../../support/store.js';
import { scheduled } from './scheduled-collection.js';

let test: TestStore;
let media: MediaStore;

beforeAll(async () => {
  test = await aTestStore();
  ({ media } = test.store);
});
afterAll(() => test.close());

const stored = ({ projectId }: MediaWrite) => test.database.db.collection('media').find({ projectId }).toArray();

/** An upsert that has read and is about to write while `meanwhile` happens. */
async function slowly(write: MediaWrite, meanwhile: () => Promise<void>): Promise<MediaWritten> {
  let operations = 0;
  const slow = createMediaStore({
    media: scheduled(collectionsOf(test.database.db).media, async (operation) => {
      operations += 1;
      if (operations === 2) await meanwhile();
      return operation();
    }),
    now: () => test.now(),
  });
  const written = await slow.upsert(write);
  expect(operations).toBeGreaterThanOrEqual(2);
  return written;
}

describe('a slow attempt', () => {
  it('does not write again what another attempt of its batch has reported as unchanged', async () => {
    const write = aMediaWrite({ content: 'b', importId: 'first', importSeq: 1 });
    const older = { ...write, asset: anAsset('a'), importId: 'older', importSeq: 2 };
    const own = { ...older, importId: 'own', importSeq: 3 };
    await media.upsert(write);

    const told: MediaWritten[] = [];
    const late = await slowly(own, async () => {
      told.push(await media.upsert(older), await media.upsert(own));
    });

    expect([...told, late].map(({ result }) => result)).toEqual(['updated', 'unchanged', 'unchanged']);
    await expect(stored(write)).resolves.toEqual([expect.objectContaining({ importId: 'older', importSeq: 3 })]);
  });

  it('tells what another attempt of its batch has made of the content', async () => {
    const write = aMediaWrite({ importId: 'first', importSeq: 1 });
    const own = { ...write, asset: anAsset('b'), importId: 'own', importSeq: 2 };
    await media.upsert(write);

    const late = await slowly(own, async () => {
      await media.upsert(own);
    });

    expect(late).toMatchObject({ result: 'updated', asset: own.asset });
  });

  it.each(['clip.mp4', 'renamed.mp4'])(
    'based on content that changes meanwhile writes nothing (%s)',
    async (fileName) => {
      const write = aMediaWrite({ importId: 'first', importSeq: 1 });
      await media.upsert(write);
      const content = await media.findContent(write);
      const basedOn = content?.contentToken ?? '';

      let before: unknown;
      const late = await slowly({ ...write, fileName, basedOn, importId: 'own', importSeq: 3 }, async () => {
        await media.upsert({ ...write, asset: anAsset('b'), importId: 'older', importSeq: 2 });
        before = await stored(write);
      });

      expect(late).toMatchObject({ result: 'stale', asset: anAsset('b') });
      await expect(stored(write)).resolves.toStrictEqual(before);
    },
  );

  it('does not take the fence back that a newer batch has raised', async () => {
    const write = aMediaWrite({ importId: 'first', importSeq: 1 });
    await media.upsert(write);

    const late = await slowly({ ...write, importId: 'older', importSeq: 2 }, async () => {
      await media.upsert({ ...write, importId: 'newer', importSeq: 3 });
    });

    expect(late.result).toBe('superseded');
    await expect(stored(write)).resolves.toEqual([expect.objectContaining({ importId: 'first', importSeq: 3 })]);
  });
});

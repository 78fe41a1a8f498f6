import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { mediaIdOf } from '../../../src/domain/ids.js';
import type { MediaWrite, MediaWritten, Store } from '../../../src/store/store.js';
import { createStore } from '../../../src/store/open-store.js';
import { aMediaWrite, anAsset, aProjectId } from '../../support/builders.js';
import { aTestStore, type TestStore } from '../../support/store.js';

let test: TestStore;
let stores: [Store, Store];

beforeAll(async () => {
  test = await aTestStore();
  const { url, database } = test.database;
  stores = [test.store, await createStore({ url, database })];
});
afterAll(async () => {
  await stores[1].close();
  await test.close();
});

/** Upserts as two processes would: each with group commits of its own. */
const upsert = (write: MediaWrite, index: number): Promise<MediaWritten> =>
  stores[index % 2 === 0 ? 0 : 1].media.upsert(write);

const held = ({ projectId, systemName, externalId }: MediaWrite) =>
  test.store.media.find(projectId, mediaIdOf(projectId, systemName, externalId));

const resultsOf = (written: readonly MediaWritten[]) => written.map(({ result }) => result);

describe('concurrent upserts of one pair', () => {
  it('create it once when 50 attempts of one batch bring the same content', async () => {
    const write = aMediaWrite();

    const written = await Promise.all(Array.from({ length: 50 }, (_, index) => upsert(write, index)));

    expect(new Set(resultsOf(written))).toEqual(new Set(['created']));
    await expect(test.database.db.collection('media').countDocuments({ projectId: write.projectId })).resolves.toBe(1);
  });

  it('leave the newest of 50 batches, whose content all differs, and tell every other one the truth', async () => {
    const first = aMediaWrite();
    const writes = Array.from({ length: 50 }, (_, n) => ({
      ...first,
      asset: anAsset(`content ${n}`),
      importId: `batch-${n}`,
      importSeq: n + 1,
    }));

    const written = await Promise.all(writes.map(upsert));

    await expect(held(first)).resolves.toMatchObject({ importSeq: 50, importId: 'batch-49', asset: writes[49]?.asset });
    expect(['created', 'updated']).toContain(written[49]?.result);
    expect(resultsOf(written).every((result) => ['created', 'updated', 'superseded'].includes(result))).toBe(true);
  });

  it('leave the same content in place when 50 batches bring it, and raise the fence to the newest', async () => {
    const first = aMediaWrite();
    await upsert(first, 0);
    const writes = Array.from({ length: 50 }, (_, n) => ({ ...first, importId: `again-${n}`, importSeq: n + 2 }));

    const written = await Promise.all(writes.map(upsert));

    expect(resultsOf(written).every((result) => ['unchanged', 'superseded'].includes(result))).toBe(true);
    expect(written[49]?.result).toBe('unchanged');
    await expect(held(first)).resolves.toMatchObject({ importId: 'batch-1', importSeq: 51 });
  });
});

describe('batches over the same pairs in any interleaving', () => {
  const PAIRS = 3;
  const steps = fc.array(
    fc.record({
      pair: fc.nat(PAIRS - 1),
      importSeq: fc.integer({ min: 1, max: 6 }),
      // Few contents, so that the same bytes come back under other batches.
      content: fc.constantFrom('a', 'b'),
      yields: fc.nat(3),
    }),
    { minLength: 1, maxLength: 24 },
  );

  it('leave every pair with what the newest of its batches brought', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (run) => {
        const projectId = aProjectId();
        // One item a (batch, pair), as in a real import; a repeated step is a repeated attempt at it.
        const items = new Map<string, MediaWrite>();
        const writes = run.map(({ pair, importSeq, content }) => {
          const key = `${pair} ${importSeq}`;
          const externalId = `pair-${pair}`;
          const write = aMediaWrite({ projectId, externalId, content, importId: `batch-${importSeq}`, importSeq });
          const item = items.get(key) ?? write;
          items.set(key, item);
          return item;
        });

        await Promise.all(
          writes.map(async (write, index) => {
            for (let n = run[index]?.yields ?? 0; n > 0; n -= 1) await held(write);
            return upsert(write, index);
          }),
        );

        for (let pair = 0; pair < PAIRS; pair += 1) {
          const ofPair = writes.filter(({ externalId }) => externalId === `pair-${pair}`);
          const newest = ofPair.sort((a, b) => b.importSeq - a.importSeq)[0];
          if (newest === undefined) continue;
          const { asset, importSeq } = newest;
          expect(await held(newest)).toMatchObject({ asset, importSeq });
        }
      }),
      { numRuns: 40 },
    );
  });
});

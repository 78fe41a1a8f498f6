import { afterEach, describe, expect, it } from '@jest/globals';
import { openBlobStore } from '../../../src/blobs/open-blob-store.js';
import type { Batch } from '../../../src/domain/import.js';
import type { BlobStat } from '../../../src/blobs/blob-store.js';
import { ImportError } from '../../../src/domain/errors.js';
import type { FetchRequest, Fetched, NotModified } from '../../../src/download/source.js';
import { aFetch, anActivityBench, type ActivityBench } from '../../support/activity-bench.js';
import { anItemSpec, itemSpecs } from '../../support/builders.js';

const ETAG = '"first"';
const NOT_MODIFIED: NotModified = { kind: 'not_modified', httpStatus: 304 };

let bench: ActivityBench;
afterEach(() => bench.close());

/** A source whose file is at `state.content`, and that knows conditions. */
async function aBenchOfOneFile() {
  const state = { content: 'a', etag: ETAG };
  const answer = (request: FetchRequest): Promise<Fetched | NotModified> =>
    Promise.resolve(request.unless?.etag === state.etag ? NOT_MODIFIED : aFetch(state.content, { etag: state.etag }));
  bench = await anActivityBench(answer);
  return state;
}

let seq = 0;
async function imported(project: string, changes: Partial<Batch> = {}, spec = {}) {
  seq += 1;
  const batch = await bench.batch({ projectId: project, importSeq: seq, ...changes }, [anItemSpec(0, spec)]);
  await bench.run('importItem', { projectId: project, batchId: batch._id, seq: 0 });
  return bench.store.items.find(batch._id, 0);
}

describe('importItem, of a pair that holds media', () => {
  it('asks the source for something newer only, and skips without a body what is unchanged', async () => {
    await aBenchOfOneFile();
    const first = await imported('p1');

    const second = await imported('p1');

    expect(bench.fetched.map(({ unless }) => unless)).toEqual([undefined, { etag: ETAG }]);
    expect(second).toMatchObject({
      state: 'skipped',
      code: 'already_exists',
      action: 'unchanged',
      mediaId: first?.mediaId,
      sha256: aFetch('a').asset.sha256,
      lastAttempt: { httpStatus: 304, bytes: 0 },
    });
  });

  it('updates name and metadata although no body moved', async () => {
    await aBenchOfOneFile();
    await imported('p1');

    const renamed = await imported('p1', {}, { fileName: 'renamed.mp4' });

    expect(renamed).toMatchObject({ state: 'success', action: 'updated', lastAttempt: { httpStatus: 304 } });
    await expect(bench.store.media.find('p1', renamed?.mediaId ?? '')).resolves.toMatchObject({
      fileName: 'renamed.mp4',
      asset: aFetch('a').asset,
      source: { etag: ETAG },
    });
  });

  it('fetches what has changed, and asks with the new validator next time', async () => {
    const state = await aBenchOfOneFile();
    await imported('p1');
    Object.assign(state, { content: 'b', etag: '"second"' });

    const changed = await imported('p1');
    await imported('p1');

    expect(changed).toMatchObject({ state: 'success', action: 'updated', sha256: aFetch('b').asset.sha256 });
    expect(bench.fetched.map(({ unless }) => unless?.etag)).toEqual([undefined, ETAG, '"second"']);
  });

  it.each([
    ['another URL', {}, { url: 'https://other.example/file.mp4', host: 'other.example' }],
    ['a pair of another system', { systemName: 'another' }, {}],
    ['another pair', {}, { externalId: 'another' }],
  ])('fetches without a condition for %s', async (_, changes, spec) => {
    await aBenchOfOneFile();
    await imported('p1');

    await imported('p1', changes, spec);

    expect(bench.fetched.map(({ unless }) => unless)).toEqual([undefined, undefined]);
  });

  it('fetches again what the blob store has lost', async () => {
    await aBenchOfOneFile();
    const first = await imported('p1');
    bench.lostBlobs.add(first?.sha256 ?? '');

    await imported('p1');

    expect(bench.fetched.map(({ unless }) => unless)).toEqual([undefined, undefined]);
  });

  it('fetches again a copy whose length could not be proven', async () => {
    const { asset, ...rest } = aFetch('a', { etag: ETAG });
    bench = await anActivityBench(() => Promise.resolve({ ...rest, asset: { ...asset, lengthVerified: false } }));
    await imported('p1');

    await imported('p1');

    expect(bench.fetched.map(({ unless }) => unless)).toEqual([undefined, undefined]);
  });

  it('fetches the body after all when another import has replaced the content meanwhile', async () => {
    const state = await aBenchOfOneFile();
    await imported('p2');
    const rival = async () => {
      Object.assign(state, { content: 'b', etag: '"second"' });
      await imported('p2');
      Object.assign(state, { content: 'a', etag: ETAG });
    };
    const inner = bench;
    let raced = false;
    const late = await anActivityBench(
      async (request) => {
        if (request.unless === undefined || raced) return aFetch('a', { etag: ETAG });
        raced = true;
        await rival();
        return NOT_MODIFIED;
      },
      { store: inner.store },
    );
    const newest = seq + 10;
    const batch = await inner.batch({ projectId: 'p2', importSeq: newest }, [anItemSpec(0)]);

    await late.run('importItem', { projectId: 'p2', batchId: batch._id, seq: 0 });
    await late.close();

    expect(late.fetched.map(({ unless }) => unless)).toEqual([{ etag: ETAG }, undefined]);
    await expect(inner.store.items.find(batch._id, 0)).resolves.toMatchObject({ state: 'success', action: 'updated' });
  });
});

describe('an item of which the blob store cannot tell whether it has the content', () => {
  const unreadable = () => new ImportError('storage_failed', 'Access denied', { stage: 'store' });

  /** The same database behind a blob store that fails for the content of pair `0` while `state.isBroken`. */
  async function aBenchOfThreeFiles() {
    const state = { isBroken: false };
    const broken = aFetch('0').asset.sha256;
    const stat: BlobStat = { bytes: 1_000, modifiedAt: new Date() };
    bench = await anActivityBench(
      ({ url, unless }) => {
        const content = /(\d)\.mp4/.exec(url)?.[1] ?? '';
        return Promise.resolve(unless === undefined ? aFetch(content, { etag: ETAG }) : NOT_MODIFIED);
      },
      {
        blobs: {
          ...openBlobStore('file:unused'),
          stat: (sha256) =>
            state.isBroken && sha256 === broken ? Promise.reject(unreadable()) : Promise.resolve(stat),
        },
      },
    );
    return state;
  }
  const aPage = async (importSeq: number) => {
    const { projectId, _id: batchId } = await bench.batch({ projectId: 'p3', importSeq }, itemSpecs(3));
    const result = await bench.run('sweepPage', { projectId, batchId, fromSeq: 0, toSeq: 49 });
    return {
      result,
      states: (await bench.store.items.list(batchId, { afterSeq: -1, limit: 3 })).map((item) => item.code),
    };
  };

  it('is downloaded again, and no other item of its page is', async () => {
    const state = await aBenchOfThreeFiles();
    await aPage(1);
    state.isBroken = true;

    const { result, states } = await aPage(2);

    expect(result).toEqual({ success: 0, skipped: 3, failed: 0, bytes: 1_000 });
    expect(states).toEqual(['already_exists', 'already_exists', 'already_exists']);
    const again = bench.fetched.slice(3).sort((a, b) => (a.url < b.url ? -1 : 1));
    expect(again.map(({ unless }) => unless)).toEqual([undefined, { etag: ETAG }, { etag: ETAG }]);
  });

  it('is downloaded again in an activity of its own as well', async () => {
    const state = await aBenchOfThreeFiles();
    await aPage(1);
    state.isBroken = true;
    const { _id: batchId } = await bench.batch({ projectId: 'p3', importSeq: 2 }, itemSpecs(1));

    const result = await bench.run('importItem', { projectId: 'p3', batchId, seq: 0 });

    expect(result).toEqual({ state: 'skipped', bytes: 1_000 });
    expect(bench.fetched.at(-1)?.unless).toBeUndefined();
  });
});

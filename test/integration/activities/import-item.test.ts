import { afterEach, describe, expect, it } from '@jest/globals';
import { ImportError } from '../../../src/domain/errors.js';
import type { FetchRequest, Fetched } from '../../../src/download/source.js';
import { parseMediaTypes } from '../../../src/domain/media-types.js';
import { aFetch, anActivityBench, limited, refOf, type ActivityBench } from '../../support/activity-bench.js';
import { anItemSpec } from '../../support/builders.js';

let bench: ActivityBench;
afterEach(() => bench.close());

const openBench = async (answer: (request: FetchRequest) => Promise<Fetched>) => {
  bench = await anActivityBench(answer);
  return bench;
};

describe('importItem', () => {
  it('stores the media before it settles the item as success', async () => {
    const { store } = await openBench(() => Promise.resolve(aFetch()));
    const batch = await bench.batch();

    const result = await bench.run('importItem', refOf(batch));

    expect(result).toEqual({ state: 'success', bytes: 1_000 });
    const item = await store.items.find(batch._id, 0);
    expect(item).toMatchObject({ state: 'success', action: 'created', attempts: 1, sha256: aFetch().asset.sha256 });
    expect(await store.media.find(batch.projectId, item?.mediaId ?? '')).toMatchObject({ importId: batch._id });
  });

  it('writes what a probe tells of the bytes into the media and the item, and keeps it when they come again', async () => {
    const facts = { width: 36, height: 64, durationSeconds: 2, videoCodec: 'h264', probed: 1 };
    let probes = 0;
    bench = await anActivityBench(() => Promise.resolve(aFetch()), {
      probeAsset: (asset) => {
        probes += 1;
        return Promise.resolve({ ...asset, ...facts });
      },
    });
    const batch = await bench.batch();
    await bench.run('importItem', refOf(batch));
    const { projectId, systemName } = batch;
    const renamed = await bench.batch({ projectId, systemName, importSeq: 2 }, [anItemSpec(0, { fileName: 'b.mp4' })]);
    await bench.run('importItem', refOf(renamed));

    const item = await bench.store.items.find(batch._id, 0);
    const media = await bench.store.media.find(projectId, item?.mediaId ?? '');
    expect(item).toMatchObject({ width: 36, height: 64 });
    expect(media).toMatchObject({ fileName: 'b.mp4', asset: facts });
    expect(probes).toBe(1);
  });

  it('records a failure that is worth another attempt, stays open, and tells when that is due', async () => {
    const { store } = await openBench(() =>
      Promise.reject(
        new ImportError('http_5xx', 'Source answered 500', { stage: 'headers', httpStatus: 500, retryAfterMs: 7_000 }),
      ),
    );
    const batch = await bench.batch();

    const result = await bench.run('importItem', refOf(batch));

    expect(result).toEqual({
      ...{ state: 'open', bytes: 0, why: 'retry', code: 'http_5xx', attempt: 1 },
      dueMs: expect.any(Number) as unknown,
    });
    expect(result.dueMs).toBeGreaterThanOrEqual(7_000);
    const item = await store.items.find(batch._id, 0);
    expect(item).toMatchObject({
      state: 'open',
      attempts: 1,
      lastAttempt: { stage: 'headers', code: 'http_5xx', httpStatus: 500 },
    });
    expect(item?.nextAttemptAt).toBeInstanceOf(Date);
  });

  it('settles as failed after the last attempt that the policy allows', async () => {
    const { store } = await openBench(() =>
      Promise.reject(new ImportError('timeout', 'The source did not answer in time', { stage: 'headers' })),
    );
    const batch = await bench.batch();

    for (const attempt of [1, 2])
      await expect(bench.run('importItem', refOf(batch))).resolves.toMatchObject({
        state: 'open',
        why: 'retry',
        attempt,
      });
    // The next attempt may continue what this one has kept.
    expect(bench.discarded).toEqual([]);
    const last = await bench.run('importItem', refOf(batch));

    expect(last).toEqual({ state: 'failed', bytes: 0 });
    const item = await store.items.find(batch._id, 0);
    expect(item).toMatchObject({
      state: 'failed',
      code: 'timeout',
      attempts: 3,
      reason: 'The source did not answer in time',
    });
    expect(bench.discarded).toEqual([item?._id]);
  });

  it('gives up an item that has ended three processes, without fetching it, and drops what it has kept', async () => {
    const { store, fetched, discarded } = await openBench(() => Promise.resolve(aFetch()));
    const batch = await bench.batch();
    await store.items.markBegun(batch._id, 0, 3);

    await expect(bench.run('importItem', refOf(batch))).resolves.toEqual({ state: 'failed', bytes: 0 });

    const item = await store.items.find(batch._id, 0);
    expect(item).toMatchObject({ state: 'failed', code: 'worker_crashed', attempts: 0 });
    expect(item).not.toHaveProperty('interrupted');
    expect(fetched).toEqual([]);
    expect(discarded).toEqual([item?._id]);
  });

  it('settles an item as failed although what it has kept cannot be removed', async () => {
    const failure = new ImportError('http_404', 'Source answered 404', { stage: 'headers', httpStatus: 404 });
    bench = await anActivityBench(() => Promise.reject(failure), {
      source: {
        fetch: () => Promise.reject(failure),
        discardPart: () => Promise.reject(new ImportError('storage_failed', 'The store is away', { stage: 'store' })),
      },
    });
    const batch = await bench.batch();

    await expect(bench.run('importItem', refOf(batch))).resolves.toEqual({ state: 'failed', bytes: 0 });
    await expect(bench.store.items.find(batch._id, 0)).resolves.toMatchObject({ state: 'failed', code: 'http_404' });
  });

  it('settles as failed at once when another attempt cannot help', async () => {
    const { store } = await openBench(() =>
      Promise.reject(new ImportError('http_404', 'Source answered 404', { stage: 'headers', httpStatus: 404 })),
    );
    const batch = await bench.batch();

    await bench.run('importItem', refOf(batch));

    expect(await store.items.find(batch._id, 0)).toMatchObject({ state: 'failed', code: 'http_404', attempts: 1 });
  });

  it('fails an item with invalid metadata without fetching it', async () => {
    const { store, fetched } = await openBench(() => Promise.resolve(aFetch()));
    const batch = await bench.batch({}, [anItemSpec(0, { mediaType: 'nowhere-configured' })]);

    await bench.run('importItem', refOf(batch));

    expect(fetched).toEqual([]);
    expect(await store.items.find(batch._id, 0)).toMatchObject({ state: 'failed', code: 'metadata_invalid' });
  });

  it('fails an item whose metadata breaks the rules of its media type, naming every field, and fetches nothing', async () => {
    const mediaTypes = parseMediaTypes([
      {
        handle: 'video',
        type: 'mediaVideo',
        metadata: [
          { handle: 'title', type: 'li-text', config: { required: true } },
          { handle: 'year', type: 'li-integer', config: {} },
        ],
      },
    ]);
    bench = await anActivityBench(() => Promise.resolve(aFetch()), { mediaTypes });
    const batch = await bench.batch({}, [anItemSpec(0, { metadata: { year: 'last' } })]);

    await bench.run('importItem', refOf(batch));

    const item = await bench.store.items.find(batch._id, 0);
    expect(item).toMatchObject({ state: 'failed', code: 'metadata_invalid' });
    expect(item?.reason).toContain('title');
    expect(item?.reason).toContain('year');
    expect(bench.fetched).toEqual([]);
  });

  it('answers what was settled before, without another attempt', async () => {
    const { fetched } = await openBench(() => Promise.resolve(aFetch()));
    const batch = await bench.batch();

    await bench.run('importItem', refOf(batch));
    const again = await bench.run('importItem', refOf(batch));

    expect(again).toEqual({ state: 'success', bytes: 1_000 });
    expect(fetched).toHaveLength(1);
  });

  it('skips what an earlier import stored, and what a newer one has overtaken', async () => {
    const { store } = await openBench(() => Promise.resolve(aFetch()));
    const older = await bench.batch({ importSeq: 1 });
    const newer = await bench.batch({ importSeq: 2, projectId: older.projectId });
    const same = await bench.batch({ importSeq: 3, projectId: older.projectId });

    await bench.run('importItem', refOf(newer));
    const overtaken = await bench.run('importItem', refOf(older));
    const unchanged = await bench.run('importItem', refOf(same));

    expect([overtaken.state, unchanged.state]).toEqual(['skipped', 'skipped']);
    expect(await store.items.find(older._id, 0)).toMatchObject({
      code: 'superseded',
      reason: 'superseded by a newer import',
      mediaId: expect.any(String),
    });
    expect(await store.items.find(same._id, 0)).toMatchObject({
      code: 'already_exists',
      reason: 'already exists',
      action: 'unchanged',
    });
  });

  it('fails a pair that holds media of another kind', async () => {
    const { store } = await openBench(() => Promise.resolve(aFetch()));
    const video = await bench.batch();
    const file = await bench.batch({ kind: 'file', importSeq: 2, projectId: video.projectId }, [
      anItemSpec(0, { mediaType: 'file' }),
    ]);

    await bench.run('importItem', refOf(video));
    await bench.run('importItem', refOf(file));

    expect(await store.items.find(file._id, 0)).toMatchObject({ state: 'failed', code: 'kind_conflict' });
  });

  it('counts no attempt and fails when the fault is ours', async () => {
    const { store } = await openBench(() => Promise.reject(new Error('the database went away')));
    const batch = await bench.batch();

    await expect(bench.run('importItem', refOf(batch))).rejects.toThrow('the database went away');
    expect(await store.items.find(batch._id, 0)).toMatchObject({ state: 'open', attempts: 0 });
  });
});

describe('importItem, of an import of one item', () => {
  const finishes = { startedAt: '2026-11-24T12:00:00.000Z' };

  it('ends the import as well when it is asked to', async () => {
    const { store } = await openBench(() => Promise.resolve(aFetch()));
    const batch = await bench.batch();

    const result = await bench.run('importItem', { ...refOf(batch), finishes });

    const finished = { state: 'success', counts: { success: 1, skipped: 0, failed: 0 }, webhook: null };
    expect(result).toEqual({ state: 'success', bytes: 1_000, finished });
    await expect(store.batches.find(batch.projectId, batch._id)).resolves.toMatchObject({ state: 'success' });
  });

  it('leaves the import open with an item that needs another attempt', async () => {
    const { store } = await openBench(() => Promise.reject(limited(7_000)));
    const batch = await bench.batch();

    const result = await bench.run('importItem', { ...refOf(batch), finishes });

    expect(result).toMatchObject({ state: 'open', why: 'retry' });
    expect(result).not.toHaveProperty('finished');
    await expect(store.batches.find(batch.projectId, batch._id)).resolves.toMatchObject({ state: 'started' });
  });
});

describe('importItem, of an import that is not there', () => {
  it('tells so when the import is gone', async () => {
    await openBench(() => Promise.resolve(aFetch()));
    const gone = { projectId: 'p', batchId: 'imp_gone', seq: 0 };

    await expect(bench.run('importItem', gone)).resolves.toMatchObject({ missing: true });
    expect(bench.fetched).toEqual([]);
  });

  it('tells so when the import has ended without the run that asks, and tries nothing', async () => {
    await openBench(() => Promise.resolve(aFetch()));
    const batch = await bench.batch();
    const { projectId, _id: batchId } = batch;
    await bench.run('finishBatch', { projectId, batchId, outcome: 'cancelled' }, 'run-1');

    await expect(bench.run('importItem', refOf(batch), 'run-2')).resolves.toEqual({
      ...{ state: 'open', bytes: 0, hasEnded: true },
    });
    expect(bench.fetched).toEqual([]);
  });
});

import { afterEach, describe, expect, it } from '@jest/globals';
import { ApplicationFailure } from '@temporalio/common';
import { ImportError } from '../../../src/contract/errors.js';
import type { FetchRequest, Fetched } from '../../../src/contract/source.js';
import { LeaveSweep } from '../../../src/contract/source.js';
import { parseMediaTypes } from '../../../src/contract/media-type-config.js';
import { aFetch, anActivityBench, type ActivityBench } from '../../support/activity-bench.js';
import { anItemSpec } from '../../support/builders.js';

let bench: ActivityBench;
afterEach(() => bench.close());

const openBench = async (answer: (request: FetchRequest) => Promise<Fetched>) => {
  bench = await anActivityBench(answer);
  return bench;
};
const refOf = ({ _id: batchId, projectId }: { _id: string; projectId: string }) => ({ batchId, projectId, seq: 0 });

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

  it('records a retryable failure, stays open and asks Temporal to come back after the pause', async () => {
    const { store } = await openBench(() =>
      Promise.reject(
        new ImportError('http_5xx', 'Source answered 500', { stage: 'headers', httpStatus: 500, retryAfterMs: 7_000 }),
      ),
    );
    const batch = await bench.batch();

    const failure = await bench.run('importItem', refOf(batch)).catch((error: unknown) => error);

    expect(failure).toBeInstanceOf(ApplicationFailure);
    expect(failure).toMatchObject({ type: 'http_5xx', message: 'Source answered 500', category: 'BENIGN' });
    expect(Number((failure as ApplicationFailure).nextRetryDelay)).toBeGreaterThanOrEqual(7_000);
    const item = await store.items.find(batch._id, 0);
    expect(item).toMatchObject({
      state: 'open',
      attempts: 1,
      lastAttempt: { stage: 'headers', code: 'http_5xx', httpStatus: 500 },
    });
    expect(item?.nextAttemptAt).toBeInstanceOf(Date);
  });

  it('gives its lane back at once when its host asks to be left alone, and does not ask it again meanwhile', async () => {
    const { store, fetched } = await openBench(() =>
      Promise.reject(
        new ImportError('http_5xx', 'Source answered 503', { stage: 'headers', httpStatus: 503, retryAfterMs: 7_000 }),
      ),
    );
    const batch = await bench.batch();

    await expect(bench.run('importItem', refOf(batch))).resolves.toEqual({ state: 'open', bytes: 0 });
    await expect(bench.run('importItem', refOf(batch))).resolves.toEqual({ state: 'open', bytes: 0 });

    expect(fetched).toHaveLength(1);
    expect(await store.items.find(batch._id, 0)).toMatchObject({ state: 'open', attempts: 1 });
  });

  it('gives its lane back instead of waiting when the pause is long', async () => {
    await openBench(() =>
      Promise.reject(new ImportError('rate_limited', 'Source answered 429', { retryAfterMs: 60_000 })),
    );
    const batch = await bench.batch();

    await expect(bench.run('importItem', refOf(batch))).resolves.toEqual({ state: 'open', bytes: 0 });
  });

  it('settles as failed after the last attempt that the policy allows', async () => {
    const { store } = await openBench(() =>
      Promise.reject(new ImportError('timeout', 'The source did not answer in time', { stage: 'headers' })),
    );
    const batch = await bench.batch();

    await bench.run('importItem', refOf(batch)).catch(() => undefined);
    await bench.run('importItem', refOf(batch)).catch(() => undefined);
    const last = await bench.run('importItem', refOf(batch));

    expect(last).toEqual({ state: 'failed', bytes: 0 });
    expect(await store.items.find(batch._id, 0)).toMatchObject({
      state: 'failed',
      code: 'timeout',
      attempts: 3,
      reason: 'The source did not answer in time',
    });
  });

  it('settles as failed at once when repeating cannot help', async () => {
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

  it('leaves attempts alone and fails when the trouble is ours', async () => {
    const { store } = await openBench(() => Promise.reject(new Error('the database went away')));
    const batch = await bench.batch();

    await expect(bench.run('importItem', refOf(batch))).rejects.toThrow('the database went away');
    expect(await store.items.find(batch._id, 0)).toMatchObject({ state: 'open', attempts: 0 });
  });
});

describe('sweepPage', () => {
  const page = (batch: { _id: string; projectId: string }) => ({
    projectId: batch.projectId,
    batchId: batch._id,
    fromSeq: 0,
    toSeq: 49,
  });

  it('tries every open item of its page once and leaves what must be repeated open', async () => {
    const specs = Array.from({ length: 60 }, (_, seq) => anItemSpec(seq));
    const { store, fetched } = await openBench(({ url }) => {
      if (url.includes('/3.mp4')) return Promise.reject(new ImportError('http_404', 'Source answered 404'));
      if (url.includes('/4.mp4')) return Promise.reject(new ImportError('http_5xx', 'Source answered 500'));
      if (url.includes('/5.mp4')) return Promise.reject(new LeaveSweep('large'));
      return Promise.resolve(aFetch());
    });
    const batch = await bench.batch({}, specs);

    const result = await bench.run('sweepPage', page(batch));

    expect(result).toEqual({ success: 47, skipped: 0, failed: 1, bytes: 47_000 });
    expect(fetched).toHaveLength(50);
    expect(fetched.every(({ sweepBytes }) => sweepBytes === 8 * 1024 ** 2)).toBe(true);
    expect(await store.items.find(batch._id, 4)).toMatchObject({ state: 'open', attempts: 1 });
    expect(await store.items.find(batch._id, 5)).toMatchObject({ state: 'open', attempts: 0, solo: true });
    expect(await store.items.totals(batch._id)).toMatchObject({ open: 12, success: 47, failed: 1 });
  });

  it('asks a host for no more at a time than it has slots, and calls nothing slow that only waited', async () => {
    let running = 0;
    let most = 0;
    const specs = Array.from({ length: 50 }, (_, seq) => anItemSpec(seq));
    await openBench(async () => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      return aFetch();
    });
    const batch = await bench.batch({}, specs);

    const result = await bench.run('sweepPage', page(batch));

    expect(most).toBe(8);
    expect(result.success).toBe(50);
  });

  it('leaves the items of a host that begins to cool open and counts no attempt, and goes on with others', async () => {
    const specs = Array.from({ length: 50 }, (_, seq) => anItemSpec(seq, { host: seq % 2 === 0 ? 'ill' : 'well' }));
    const { store, fetched } = await openBench(({ url }) => {
      const seq = Number(/(\d+)\.mp4/.exec(url)?.[1]);
      if (seq % 2 === 0) return Promise.reject(new ImportError('connect_failed', 'Refused', { stage: 'connect' }));
      return Promise.resolve(aFetch());
    });
    const batch = await bench.batch({}, specs);

    const result = await bench.run('sweepPage', page(batch));

    expect(result).toMatchObject({ success: 25, failed: 0 });
    // Ten open the circuit, and what had begun by then ends.
    expect(fetched.length - 25).toBeLessThan(25);
    const items = await store.items.list(batch._id, { afterSeq: -1, limit: 50 });
    expect(
      items.filter(({ attempts }) => attempts === 0).every(({ host, state }) => host === 'ill' && state === 'open'),
    ).toBe(true);
    expect(items.filter(({ attempts }) => attempts === 0).length).toBeGreaterThan(0);
  });

  it('does not repeat what an attempt before it has settled', async () => {
    const { fetched } = await openBench(() => Promise.resolve(aFetch()));
    const batch = await bench.batch();

    await bench.run('sweepPage', page(batch));
    const again = await bench.run('sweepPage', page(batch));

    expect(again).toEqual({ success: 0, skipped: 0, failed: 0, bytes: 0 });
    expect(fetched).toHaveLength(1);
  });

  it('fails as a whole, once nothing of it runs any more, when the trouble is ours', async () => {
    let running = 0;
    await openBench(async ({ url }) => {
      if (url.includes('/0.mp4')) throw new Error('the database went away');
      running++;
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      return aFetch();
    });
    const batch = await bench.batch(
      {},
      Array.from({ length: 8 }, (_, seq) => anItemSpec(seq)),
    );

    await expect(bench.run('sweepPage', page(batch))).rejects.toThrow('the database went away');
    expect(running).toBe(0);
  });
});

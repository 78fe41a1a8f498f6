import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { BlobStore } from '../../../src/blobs/blob-store.js';
import { ImportError } from '../../../src/domain/errors.js';
import type { FetchProgress } from '../../../src/download/source.js';
import { createCrashHook } from '../../../src/process/crash-hook.js';
import { eventually } from '../../support/eventually.js';
import { aVideo, rangedFile, sha256Of, withoutHeader } from '../../support/ranged-file.js';
import { killedStore, type KilledStore } from './killed-store.js';
import { startSourceRig, type SourceRig } from './source-rig.js';

const MIB = 1024 * 1024;
/** How far the store lets written bytes run ahead of durable ones. */
const CHECKPOINT = 16 * MIB;
const ETAG = '"v1"';
const partKey = 'a-batch:00000001';
const options = { partKey, limits: { maxBytes: 1024 * MIB } };

describe('a large body with a strong ETag', () => {
  let rig: SourceRig;
  beforeAll(async () => {
    rig = await startSourceRig();
  });
  afterAll(() => rig.close());
  beforeEach(async () => {
    await (await rig.blobs.findPart(partKey))?.drop();
  });

  /** A killed attempt may have left a checkpoint that the disk is still at work on. */
  const keptBeyond = (bytes: number) =>
    eventually('a checkpoint', async () => {
      const kept = (await rig.blobs.findPart(partKey))?.kept ?? 0;
      return kept > bytes && kept;
    });

  const lastRequest = () => rig.origin.requests.at(-1)?.headers;

  it('resumes where the connection broke', async () => {
    const body = aVideo(12 * MIB);
    const file = rangedFile({ body, etag: ETAG, type: 'video/mp4', cuts: [10 * MIB] });
    const url = rig.origin.route('/broken', file.handler);

    const failure = (await rig.fetch(url, options).catch((error: unknown) => error)) as ImportError;
    const { bytes = 0 } = failure.details;
    expect(failure).toMatchObject({ code: 'truncated', details: { stage: 'body', httpStatus: 200 } });
    expect(bytes).toBeGreaterThan(9 * MIB);
    expect(bytes).toBeLessThanOrEqual(10 * MIB);

    const fetched = await rig.fetch(url, options);
    expect(lastRequest()).toMatchObject({ range: `bytes=${bytes}-`, 'if-range': ETAG });
    expect(fetched).toEqual({
      kind: 'fetched',
      asset: { sha256: sha256Of(body), bytes: 12 * MIB, mimeType: 'video/mp4', lengthVerified: true },
      validators: { etag: ETAG },
      httpStatus: 206,
      contentType: 'video/mp4',
      received: 12 * MIB - bytes,
    });
    expect(await rig.leftovers()).toEqual([]);
  });

  it('goes on in another process after a kill, from the last durable byte', async () => {
    const body = aVideo(24 * MIB);
    const file = rangedFile({ body, etag: ETAG, cuts: [20 * MIB] });
    const url = rig.origin.route('/killed', file.handler);
    const dying = rig.anotherWorker();
    const killed = killedStore(dying.blobs);
    await expect(dying.fetch(url, { ...options, blobs: killed.blobs })).rejects.toMatchObject({ code: 'truncated' });
    await keptBeyond(0);

    const { asset, received } = await rig.anotherWorker().fetch(url, options);
    expect(asset).toMatchObject({ sha256: sha256Of(body), bytes: 24 * MIB });
    expect(24 * MIB - received).toBeGreaterThanOrEqual(CHECKPOINT);
    expect(file.served()).toBeLessThanOrEqual(24 * MIB + CHECKPOINT);
    await killed.bury();
    expect(await rig.leftovers()).toEqual([]);
  });

  it('goes on after an abort, and the reason of the abort is what the first attempt rejects with', async () => {
    const body = aVideo(12 * MIB);
    const stall = rangedFile({ body, etag: ETAG, cuts: [] });
    const url = rig.origin.route('/aborted', stall.handler);
    const controller = new AbortController();
    // What a cancellation passes as its reason must not count as a verdict on the file.
    const reason = new ImportError('cancelled', 'Stopped');
    const first = rig.fetch(url, {
      ...options,
      signal: controller.signal,
      onProgress({ received }) {
        if (received > 9 * MIB) controller.abort(reason);
      },
    });
    await expect(first).rejects.toBe(reason);

    const { asset, received } = await rig.fetch(url, options);
    expect(asset.sha256).toBe(sha256Of(body));
    expect(received).toBeLessThan(4 * MIB);
  });

  it('is dropped for good when its item is given up, and begins again when it is wanted after all', async () => {
    const body = aVideo(12 * MIB);
    const file = rangedFile({ body, etag: ETAG, cuts: [10 * MIB, 10 * MIB] });
    const url = rig.origin.route('/given-up', file.handler);
    await expect(rig.fetch(url, options)).rejects.toMatchObject({ code: 'truncated' });
    await expect(rig.fetch(url, { ...options, partKey: 'a-batch:00000002' })).rejects.toMatchObject({
      code: 'truncated',
    });
    await rig.anotherWorker().discardPart(partKey);
    expect(await rig.blobs.findPart(partKey)).toBeNull();
    expect(await rig.blobs.findPart('a-batch:00000002')).not.toBeNull();
    await rig.discardPart('a-batch:00000002');
    await rig.discardPart('a-batch:00000002');
    expect(await rig.leftovers()).toEqual([]);

    await expect(rig.fetch(url, options)).resolves.toMatchObject({
      httpStatus: 200,
      asset: { sha256: sha256Of(body) },
    });
    expect(lastRequest()).not.toHaveProperty('range');
  });

  it('is aborted while its kept bytes are read', async () => {
    const url = rig.origin.route(
      '/reading',
      rangedFile({ body: aVideo(12 * MIB), etag: ETAG, cuts: [10 * MIB] }).handler,
    );
    await expect(rig.fetch(url, options)).rejects.toMatchObject({ code: 'truncated' });
    const asked = rig.origin.requests.length;
    const reason = new Error('Stopped');
    const controller = new AbortController();
    const again = rig.fetch(url, {
      ...options,
      signal: controller.signal,
      onProgress: () => {
        controller.abort(reason);
      },
    });
    await expect(again).rejects.toBe(reason);
    expect(rig.origin.requests).toHaveLength(asked);
    expect(await rig.blobs.findPart(partKey)).not.toBeNull();
  });

  it('survives five interruptions, and hardly a byte is fetched twice', async () => {
    const body = aVideo(100 * MIB);
    const file = rangedFile({ body, etag: ETAG, cuts: [18 * MIB, 17 * MIB, 20 * MIB, 12 * MIB, 19 * MIB] });
    const url = rig.origin.route('/chain', file.handler);
    const kept: number[] = [];
    const dead: KilledStore[] = [];
    for (let attempt = 1; attempt <= 5; attempt += 1) {
      const worker = rig.anotherWorker();
      const killed = killedStore(worker.blobs);
      const blobs = attempt % 2 === 1 ? killed.blobs : worker.blobs;
      dead.push(killed);
      await expect(worker.fetch(url, { ...options, blobs })).rejects.toMatchObject({ code: 'truncated' });
      kept.push(await keptBeyond(kept.at(-1) ?? 0));
    }
    const { asset } = await rig.anotherWorker().fetch(url, options);
    for (const killed of dead) await killed.bury();
    expect(asset).toMatchObject({ sha256: sha256Of(body), bytes: 100 * MIB, mimeType: 'video/mp4' });
    expect(file.served()).toBeLessThanOrEqual(100 * MIB + 5 * CHECKPOINT);
    expect(await rig.leftovers()).toEqual([]);
  });

  it('tells how far it has come, and what another attempt would not have to fetch again', async () => {
    const body = aVideo(36 * MIB);
    // How soon a checkpoint is durable is up to the disk.
    const hold = { at: 17 * MIB, until: () => keptBeyond(CHECKPOINT - 1) };
    const url = rig.origin.route('/progress', rangedFile({ body, etag: ETAG, cuts: [20 * MIB], hold }).handler);
    const seen: FetchProgress[] = [];
    const onProgress = (progress: FetchProgress) => seen.push(progress);
    await expect(rig.fetch(url, { ...options, onProgress })).rejects.toMatchObject({ code: 'truncated' });

    const etag = createHash('sha256').update(ETAG).digest('hex').slice(0, 16);
    expect(seen[0]).toEqual({ offset: 0, received: seen[0]?.received, total: 36 * MIB, etag });
    expect(seen.at(-1)?.offset).toBeGreaterThanOrEqual(CHECKPOINT);
    expect(seen.at(-1)?.received).toBeGreaterThan(19 * MIB);

    const kept = (await rig.blobs.findPart(partKey))?.kept ?? 0;
    seen.length = 0;
    await rig.fetch(url, { ...options, onProgress });
    expect(seen[0]).toEqual({ offset: kept, received: 0, total: 36 * MIB, etag });
    expect(seen.at(-1)).toEqual({ offset: seen.at(-1)?.offset, received: 36 * MIB - kept, total: 36 * MIB, etag });
    expect(seen.at(-1)?.offset).toBeGreaterThanOrEqual(kept);
  });

  /** The disk refuses the last step, when all bytes are there. */
  function refusesCommits(blobs: BlobStore): BlobStore {
    const full = () => Promise.reject(new ImportError('storage_failed', 'The disk is full', { stage: 'store' }));
    return {
      ...blobs,
      createWriter: async (hint, part) => ({ ...(await blobs.createWriter(hint, part)), commit: full }),
    };
  }

  it.each([
    ['is told so', undefined],
    ['is told so without an ETag', withoutHeader('etag')],
  ])('needs no byte more when all of it was kept and it %s', async (_name, lie) => {
    const body = aVideo(9 * MIB);
    const file = rangedFile({ body, etag: ETAG, type: 'video/mp4', ...(lie === undefined ? {} : { lie }) });
    const url = rig.origin.route('/complete', file.handler);
    await expect(rig.fetch(url, { ...options, blobs: refusesCommits(rig.blobs) })).rejects.toMatchObject({
      code: 'storage_failed',
      details: { bytes: 9 * MIB },
    });
    expect((await rig.blobs.findPart(partKey))?.kept).toBe(9 * MIB);

    const fetched = await rig.fetch(url, options);
    expect(lastRequest()).toMatchObject({ range: `bytes=${9 * MIB}-`, 'if-range': ETAG });
    expect(fetched).toMatchObject({
      asset: { sha256: sha256Of(body), bytes: 9 * MIB, mimeType: 'video/mp4', lengthVerified: true },
      validators: { etag: ETAG },
      httpStatus: 416,
      contentType: 'video/mp4',
      received: 0,
    });
    expect(await rig.leftovers()).toEqual([]);
  });

  it('keeps its announced type when the rest comes without one', async () => {
    const body = Buffer.concat([Buffer.from('a,b\n'), Buffer.alloc(10 * MIB, '1,2\n')]);
    const file = rangedFile({
      body,
      etag: ETAG,
      type: 'text/csv; header=present',
      cuts: [9 * MIB],
      lie: withoutHeader('content-type'),
    });
    const url = rig.origin.route('/csv', file.handler);
    await expect(rig.fetch(url, options)).rejects.toMatchObject({ code: 'truncated' });
    await expect(rig.fetch(url, options)).resolves.toMatchObject({
      httpStatus: 206,
      contentType: 'text/csv',
      asset: { mimeType: 'text/csv', sha256: sha256Of(body) },
    });
  });

  it('comes to its crash point with all bytes and no blob', async () => {
    const body = aVideo(9 * MIB);
    const url = rig.origin.route('/crash', rangedFile({ body, etag: ETAG }).handler);
    const blobsThen: unknown[] = [];
    const crash = createCrashHook('after_part_before_blob', () => {
      blobsThen.push(rig.blobs.stat(sha256Of(body)));
    });
    await rig.fetch(url, { ...options, blobs: crash.blobs(rig.blobs) });
    expect(await Promise.all(blobsThen)).toEqual([null]);
    expect(await rig.blobs.stat(sha256Of(body))).toMatchObject({ bytes: 9 * MIB });
  });
});

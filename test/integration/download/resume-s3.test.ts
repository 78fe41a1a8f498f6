import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createS3BlobStore } from '../../../src/blobs/s3/store.js';
import type { BlobStore } from '../../../src/blobs/blob-store.js';
import { eventually } from '../../support/eventually.js';
import { aVideo, rangedFile, sha256Of } from '../../support/ranged-file.js';
import { startS3Server, type S3Server } from '../../servers/s3-server.js';
import { killedStore } from './killed-store.js';
import { startSourceRig, type SourceRig } from './source-rig.js';

const MIB = 1024 * 1024;
/** The least that S3 allows. */
const PART = 5 * MIB;
const partKey = 'a-batch:00000001';
const found = await startS3Server();

/** Named with the reason, so that the output of a run without the server says why. */
const skipped = 'reason' in found ? ` (skipped: ${found.reason})` : '';

(skipped ? describe.skip : describe)(`a large body on its way to S3${skipped}`, () => {
  const server = found as S3Server;
  const stores: BlobStore[] = [];
  let rig: SourceRig;
  beforeAll(async () => {
    rig = await startSourceRig();
  });
  afterAll(async () => {
    await rig.close();
    await Promise.all(stores.map((store) => store.close()));
    await server.stop();
  });

  function openStore(): BlobStore {
    const { endpoint, bucket, credentials } = server;
    const where = { endpoint, bucket, credentials, prefix: 'resume', region: 'us-east-1', forcePathStyle: true };
    const store = createS3BlobStore({ ...where, partBytes: PART, copyPartBytes: PART });
    stores.push(store);
    return store;
  }

  it('goes on in another process after an interruption and after a kill', async () => {
    const body = aVideo(32 * MIB);
    const file = rangedFile({ body, etag: '"v1"', type: 'video/mp4', cuts: [13 * MIB, 12 * MIB] });
    const url = rig.origin.route('/file', file.handler);
    const options = { partKey, limits: { maxBytes: 1024 * MIB } };
    const keptNow = async () => (await openStore().findPart(partKey))?.kept ?? 0;

    await expect(rig.fetch(url, { ...options, blobs: openStore() })).rejects.toMatchObject({ code: 'truncated' });
    const first = await keptNow();
    expect(first).toBeGreaterThanOrEqual(2 * PART);
    const killed = killedStore(openStore());
    await expect(rig.fetch(url, { ...options, blobs: killed.blobs })).rejects.toMatchObject({ code: 'truncated' });
    // The last part of a killed process may still be on its way.
    await eventually('another part', async () => (await keptNow()) > first);

    const store = openStore();
    const { asset, httpStatus } = await rig.fetch(url, { ...options, blobs: store });
    expect({ httpStatus, ...asset }).toMatchObject({ httpStatus: 206, sha256: sha256Of(body), bytes: 32 * MIB });
    const stored = await store.read(asset.sha256);
    expect(stored && sha256Of(await buffer(stored))).toBe(sha256Of(body));
    expect(file.served()).toBeLessThanOrEqual(32 * MIB + 2 * 2 * PART);
    await killed.bury();
    for await (const part of store.listParts()) throw new Error(`${part.name} was left behind`);
  });

  it('leaves nothing in the bucket when its item is given up', async () => {
    const file = rangedFile({ body: aVideo(16 * MIB), etag: '"v1"', type: 'video/mp4', cuts: [13 * MIB] });
    const url = rig.origin.route('/given-up', file.handler);
    const store = openStore();
    const options = { partKey, limits: { maxBytes: 1024 * MIB }, blobs: store };
    await expect(rig.fetch(url, options)).rejects.toMatchObject({ code: 'truncated' });
    expect((await store.findPart(partKey))?.kept).toBeGreaterThanOrEqual(PART);
    await rig.discardPart(partKey, openStore());
    expect(await store.findPart(partKey)).toBeNull();
    for await (const part of store.listParts()) throw new Error(`${part.name} was left behind`);
  });
});

import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { bytesOf, sha256Of, storeBlob } from '../../support/stored-blobs.js';
import { type Answer, error, withAnswers, xml } from './s3-scripted.js';

const MIB = 1024 * 1024;

const conflict = error(409, 'ConditionalRequestConflict');
const exists = error(412, 'PreconditionFailed');
const found = (modifiedAt: Date): Answer => ({ headers: { 'last-modified': modifiedAt.toUTCString() } });
const HOUR_MS = 60 * 60 * 1000;

describe('createS3BlobStore with rare answers', () => {
  it('puts a small body again after a conflict', async () => {
    const seen = await withAnswers({ PutObject: [conflict, conflict] }, async (store) => {
      expect((await storeBlob(store, randomBytes(10))).created).toBe(true);
    });
    expect(seen.filter((line) => line === 'PutObject sha256 if absent')).toHaveLength(3);
  });

  it('gives up after five conflicts in a row, to be retried as an attempt', async () => {
    await withAnswers({ PutObject: Array.from({ length: 9 }, () => conflict) }, async (store) => {
      await expect(storeBlob(store, randomBytes(10))).rejects.toMatchObject({
        code: 'storage_failed',
        retryable: true,
      });
    });
  });

  it('puts the body after all when the blob that existed was collected between two looks', async () => {
    const seen = await withAnswers({ PutObject: [exists] }, async (store) => {
      expect((await storeBlob(store, randomBytes(10))).created).toBe(true);
    });
    expect(seen).toEqual(['PutObject sha256 if absent', 'HeadObject sha256', 'PutObject sha256 if absent']);
  });

  it.each([
    ['leaves a blob of an hour', 1, []],
    ['writes over a blob of two days', 48, ['PutObject sha256']],
  ])('%s that exists', async (_, hours, further) => {
    const script = { PutObject: [exists], HeadObject: [found(new Date(Date.now() - hours * HOUR_MS))] };
    const seen = await withAnswers(script, async (store) => {
      expect((await storeBlob(store, randomBytes(10))).created).toBe(false);
    });
    expect(seen).toEqual(['PutObject sha256 if absent', 'HeadObject sha256', ...further]);
  });

  it('neither finishes nor copies a large body whose blob exists', async () => {
    const seen = await withAnswers({ HeadObject: [found(new Date())] }, async (store) => {
      expect((await storeBlob(store, randomBytes(6 * MIB))).created).toBe(false);
    });
    // The look-up and the part that is still on its way meet in any order.
    expect(seen.sort()).toEqual([
      'AbortMultipartUpload parts',
      'CreateMultipartUpload parts',
      'HeadObject sha256',
      'UploadPart parts',
    ]);
  });

  it('copies a large body again after a conflict, and drops the first copy', async () => {
    const done = xml('<ETag>"whole"</ETag>');
    const seen = await withAnswers({ CompleteMultipartUpload: [done, conflict] }, async (store) => {
      expect((await storeBlob(store, randomBytes(10 * MIB))).created).toBe(true);
    });
    const copy = ['CreateMultipartUpload sha256', 'UploadPartCopy sha256', 'UploadPartCopy sha256'];
    const complete = 'CompleteMultipartUpload sha256 if absent';
    expect(seen.slice(5)).toEqual([
      ...copy,
      complete,
      'AbortMultipartUpload sha256',
      'HeadObject sha256',
      ...copy,
      complete,
      'DeleteObject parts',
    ]);
  });

  it('takes an upload as complete when the answer to its completion was lost', async () => {
    const script = {
      HeadObject: [{ status: 404 }, { headers: { 'content-length': `${6 * MIB}` } }],
      CompleteMultipartUpload: [error(404, 'NoSuchUpload')],
    };
    await withAnswers(script, async (store) => {
      expect((await storeBlob(store, randomBytes(6 * MIB))).created).toBe(true);
    });
  });

  it('leaves neither upload nor object behind when the copy fails', async () => {
    const seen = await withAnswers({ UploadPartCopy: [error(403, 'AccessDenied')] }, async (store) => {
      const body = randomBytes(6 * MIB);
      const writer = await store.createWriter(body.length);
      await writer.write(body);
      const failed = { code: 'storage_failed', message: 'The blob store refuses access' };
      await expect(writer.commit(sha256Of(body))).rejects.toMatchObject(failed);
      await writer.discard();
    });
    expect(seen.slice(-2)).toEqual(['AbortMultipartUpload sha256', 'DeleteObject parts']);
  });

  it('reports a part that was refused at the next write, and aborts on discard', async () => {
    const seen = await withAnswers({ UploadPart: [error(403, 'AccessDenied')] }, async (store) => {
      const writer = await store.createWriter(null);
      await writer.write(randomBytes(6 * MIB));
      await expect(writer.write(randomBytes(6 * MIB))).rejects.toMatchObject({ code: 'storage_failed' });
      await writer.discard();
    });
    expect(seen).toEqual(['CreateMultipartUpload parts', 'UploadPart parts', 'AbortMultipartUpload parts']);
  });

  it('reports a connection that breaks during a read as storage_failed', async () => {
    const half = { headers: { 'content-length': '1000' }, body: 'x'.repeat(500), cut: true };
    await withAnswers({ GetObject: [half] }, async (store) => {
      const stream = await store.read(sha256Of(randomBytes(4)));
      await expect(bytesOf(stream)).rejects.toMatchObject({ code: 'storage_failed' });
    });
  });
});

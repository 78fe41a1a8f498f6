import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { createS3BlobStore } from '../../../src/blobs/s3-blob-store.js';
import type { BlobStore } from '../../../src/contract/blob-store.js';
import { bytesOf, sha256Of, storeBlob } from '../../support/stored-blobs.js';

const MIB = 1024 * 1024;

interface Answer {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  /** Breaks the connection after the body. */
  readonly cut?: boolean;
}

const error = (status: number, code: string): Answer => ({ status, body: `<Error><Code>${code}</Code></Error>` });
const xml = (body: string): Answer => ({ body: `<?xml version="1.0"?><Result>${body}</Result>` });

/** The name that S3 documents for a request. */
function operationOf(method: string, url: URL, isCopy: boolean): string {
  const has = (name: string): boolean => url.searchParams.has(name);
  if (has('uploads')) return 'CreateMultipartUpload';
  if (has('uploadId') && method === 'POST') return 'CompleteMultipartUpload';
  if (has('uploadId') && method === 'DELETE') return 'AbortMultipartUpload';
  if (has('uploadId')) return isCopy ? 'UploadPartCopy' : 'UploadPart';
  return { PUT: 'PutObject', GET: 'GetObject', HEAD: 'HeadObject', DELETE: 'DeleteObject' }[method] ?? method;
}

const USUAL: Readonly<Record<string, Answer>> = {
  CreateMultipartUpload: xml('<UploadId>u1</UploadId>'),
  UploadPart: { headers: { etag: '"part"' } },
  UploadPartCopy: xml('<ETag>"copy"</ETag>'),
  CompleteMultipartUpload: xml('<ETag>"whole"</ETag>'),
  HeadObject: { status: 404 },
  AbortMultipartUpload: { status: 204 },
  DeleteObject: { status: 204 },
};

/**
 * Runs a store against a server that answers as scripted: for answers that a healthy server gives only by rare chance. Each
 * list is used up in order, then the usual answer follows. Resolves with the operations and the `parts`/`sha256` place of each.
 */
async function withAnswers(
  script: Readonly<Record<string, readonly Answer[]>>,
  use: (store: BlobStore) => Promise<void>,
): Promise<string[]> {
  const seen: string[] = [];
  const counts = new Map<string, number>();
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://s3');
    const operation = operationOf(request.method ?? '', url, 'x-amz-copy-source' in request.headers);
    const condition = request.headers['if-none-match'] === '*' ? ' if absent' : '';
    seen.push(`${operation} ${url.pathname.split('/')[2] ?? ''}${condition}`);
    const count = counts.get(operation) ?? 0;
    counts.set(operation, count + 1);
    const answer = script[operation]?.[count] ?? USUAL[operation] ?? {};
    request.resume().once('end', () => {
      response.writeHead(answer.status ?? 200, answer.headers);
      if (answer.cut) response.write(answer.body, () => response.destroy());
      else response.end(answer.body);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const store = createS3BlobStore({
    bucket: 'media',
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: 'access', secretAccessKey: 'secret' },
    partBytes: 5 * MIB,
    copyPartBytes: 5 * MIB,
  });
  try {
    await use(store);
  } finally {
    await store.close();
    server.closeAllConnections();
    server.close();
  }
  return seen;
}

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
      expect((await storeBlob(store, randomBytes(6 * MIB))).created).toBe(true);
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
      HeadObject: [{ status: 404 }, { status: 200 }],
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

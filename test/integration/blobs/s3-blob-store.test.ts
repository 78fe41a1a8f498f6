import { randomBytes, randomUUID } from 'node:crypto';
import { ListMultipartUploadsCommand, ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3';
import { afterAll, describe, expect, it } from '@jest/globals';
import { openBlobStore } from '../../../src/blobs/open-blob-store.js';
import { createS3BlobStore, type S3BlobStoreOptions } from '../../../src/blobs/s3-blob-store.js';
import type { BlobStore } from '../../../src/contract/blob-store.js';
import { anyFreePort } from '../../../src/stack/free-port.js';
import { itKeepsTheBlobStoreContract } from '../../support/blob-store-contract.js';
import { bytesOf, sha256Of, storeBlob } from '../../support/stored-blobs.js';
import { type S3Server, startS3Server } from '../../support/s3-server.js';

const MIB = 1024 * 1024;
/** The least that S3 allows: a few MiB then show what many GiB do. */
const SMALL_PARTS = { partBytes: 5 * MIB, copyPartBytes: 5 * MIB };

async function listKeys(client: S3Client, bucket: string, prefix: string): Promise<string[]> {
  const [objects, uploads] = await Promise.all([
    client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix })),
    client.send(new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: prefix })),
  ]);
  return [...(objects.Contents ?? []), ...(uploads.Uploads ?? [])].map(({ Key }) => Key ?? '');
}

const found = await startS3Server();

/** Named with the reason, so that the output of a run without the server says why. */
const skipped = 'reason' in found ? ` (skipped: ${found.reason})` : '';

(skipped ? describe.skip : describe)(`createS3BlobStore${skipped}`, () => {
  const server = found as S3Server;
  const stores: BlobStore[] = [];

  function open(options: Partial<S3BlobStoreOptions> = {}): { store: BlobStore; prefix: string } {
    const prefix = options.prefix ?? randomUUID();
    const { endpoint, bucket, credentials } = server;
    const fixed = { endpoint, bucket, credentials, prefix, region: 'us-east-1', forcePathStyle: true };
    const store = createS3BlobStore({ ...fixed, ...SMALL_PARTS, ...options });
    stores.push(store);
    return { store, prefix };
  }

  afterAll(async () => {
    await Promise.all(stores.map((store) => store.close()));
    await server.stop();
  });

  itKeepsTheBlobStoreContract(() => {
    const { store, prefix } = open();
    return Promise.resolve({
      store,
      async listParts() {
        const keys = await listKeys(server.client, server.bucket, `${prefix}/`);
        const uploads = await server.client.send(new ListMultipartUploadsCommand({ Bucket: server.bucket }));
        return [
          ...keys.filter((key) => !key.startsWith(`${prefix}/sha256/`)),
          ...(uploads.Uploads ?? []).map(({ Key }) => Key ?? ''),
        ];
      },
      openBroken: () => open({ credentials: { ...server.credentials, secretAccessKey: 'wrong' } }).store,
      close: () => Promise.resolve(),
    });
  });

  it('lays a blob at prefix/sha256/ab/<sha256>, with or without a prefix', async () => {
    const { store, prefix } = open();
    const { sha256 } = await storeBlob(store, randomBytes(10));
    const key = `sha256/${sha256.slice(0, 2)}/${sha256}`;
    expect(await listKeys(server.client, server.bucket, prefix)).toEqual([`${prefix}/${key}`]);

    const other = await storeBlob(open({ prefix: '' }).store, randomBytes(10));
    expect(await listKeys(server.client, server.bucket, `sha256/${other.sha256.slice(0, 2)}/`)).toHaveLength(1);
  });

  it.each([
    ['small', 1_000],
    ['as long as one part', 5 * MIB],
    ['one byte longer than a part', 5 * MIB + 1],
    ['two parts and two copies long', 10 * MIB],
  ])('stores a body that is %s', async (_, bytes) => {
    const { store, prefix } = open();
    const body = randomBytes(bytes);
    const { sha256, created } = await storeBlob(store, body);
    expect(created).toBe(true);
    expect(sha256Of(await bytesOf(await store.read(sha256)))).toBe(sha256);
    expect(await listKeys(server.client, server.bucket, prefix)).toHaveLength(1);
  });

  it.each([
    ['small', 1_000],
    ['large', 6 * MIB],
    ['empty', 0],
  ])('makes an old %s blob look new when it is committed again', async (_, bytes) => {
    const { store, prefix } = open({ refreshAfterMs: -1 });
    const body = randomBytes(bytes);
    const { sha256 } = await storeBlob(store, body);
    const first = (await store.stat(sha256))?.modifiedAt.getTime() ?? 0;
    let again = first;
    // LastModified has whole seconds; ends with the test's time limit when it never moves.
    while (again === first) {
      expect((await storeBlob(store, body)).created).toBe(false);
      again = (await store.stat(sha256))?.modifiedAt.getTime() ?? 0;
    }
    expect(again).toBeGreaterThan(first);
    expect(sha256Of(await bytesOf(await store.read(sha256)))).toBe(sha256);
    expect(await listKeys(server.client, server.bucket, prefix)).toHaveLength(1);
  });

  it('sends a large body in parts while it arrives, and drops them when it is discarded', async () => {
    const { store, prefix } = open();
    const writer = await store.createWriter(null);
    await writer.write(randomBytes(11 * MIB));
    const [upload] =
      (await server.client.send(new ListMultipartUploadsCommand({ Bucket: server.bucket }))).Uploads ?? [];
    expect(upload?.Key).toMatch(new RegExp(`^${prefix}/parts/[0-9a-f-]{36}$`));
    await writer.discard();
    expect(await listKeys(server.client, server.bucket, prefix)).toEqual([]);
  });

  it('works as BLOB_STORE_URL describes it', async () => {
    const url = `s3://${server.bucket}/${randomUUID()}/deep?endpoint=${server.endpoint}&forcePathStyle=true`;
    const store = openBlobStore(url, { credentials: server.credentials });
    stores.push(store);
    const body = randomBytes(100);
    const { sha256 } = await storeBlob(store, body);
    expect(await bytesOf(await store.read(sha256))).toEqual(body);
    await expect(store.ping()).resolves.toBeUndefined();
  });

  it('names a missing bucket and a server that is down without saying which', async () => {
    const noBucket = open({ bucket: 'no-such-bucket' }).store;
    const bucketMissing = { code: 'storage_failed', message: 'The bucket of the blob store does not exist' };
    await expect(storeBlob(noBucket, randomBytes(10))).rejects.toMatchObject(bucketMissing);
    await expect(noBucket.read(sha256Of(randomBytes(1)))).rejects.toMatchObject(bucketMissing);
    await expect(noBucket.ping()).rejects.toMatchObject({ code: 'storage_failed' });

    const down = open({ endpoint: `http://127.0.0.1:${await anyFreePort()}` }).store;
    const unreachable = { code: 'storage_failed', message: 'The blob store cannot be reached' };
    await expect(storeBlob(down, randomBytes(10))).rejects.toMatchObject(unreachable);
    await expect(down.ping()).rejects.toMatchObject(unreachable);
  });
});

import { randomBytes, randomUUID } from 'node:crypto';
import {
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, describe, expect, it } from '@jest/globals';
import { openBlobStore } from '../../../src/blobs/open-blob-store.js';
import { createS3BlobStore, type S3BlobStoreOptions } from '../../../src/blobs/s3/store.js';
import type { PartIdentity, BlobStore } from '../../../src/blobs/blob-store.js';
import { anyFreePort } from '../../../src/local-stack/ports.js';
import { itKeepsTheBlobStoreContract } from '../../support/blob-store-contract.js';
import { bytesOf, keptPart, listed, partOf, sha256Of, storeBlob, writeAll } from '../../support/stored-blobs.js';
import { startS3Server, type S3Server } from '../../servers/s3-server.js';

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

  itKeepsTheBlobStoreContract(async () => {
    const bucket = `blobs-${randomUUID()}`;
    await server.client.send(new CreateBucketCommand({ Bucket: bucket }));
    const { store, prefix } = open({ bucket });
    return {
      store,
      reopen: () => open({ bucket, prefix }).store,
      // Of the whole bucket: something outside of the prefix would be a bug.
      listParts: async () =>
        (await listKeys(server.client, bucket, '')).filter((key) => !key.startsWith(`${prefix}/sha256/`)),
      openBroken: () => open({ credentials: { ...server.credentials, secretAccessKey: 'wrong' } }).store,
      close: () => Promise.resolve(),
    };
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

  async function suspend(store: BlobStore, body: Buffer, bytes: number): Promise<PartIdentity> {
    const identity = partOf(body);
    const writer = await store.createWriter(body.length, identity);
    await writeAll(writer, body.subarray(0, bytes));
    await writer.suspend();
    return identity;
  }

  it('finds a part again that an attempt had made readable when it was killed', async () => {
    const { store, prefix } = open();
    const body = randomBytes(13 * MIB);
    const { key } = await suspend(store, body, 7 * MIB + 1);
    await bytesOf(await (await keptPart(store, key)).read());
    const { store: other } = open({ prefix });
    const part = await keptPart(other, key);
    expect(part.kept).toBe(7 * MIB + 1);
    expect(sha256Of(await bytesOf(await part.read()))).toBe(sha256Of(body.subarray(0, part.kept)));
    const writer = await part.resume();
    await writeAll(writer, body.subarray(part.kept));
    await writer.commit(sha256Of(body));
    expect(sha256Of(await bytesOf(await other.read(sha256Of(body))))).toBe(sha256Of(body));
    expect(await listKeys(server.client, server.bucket, prefix)).toHaveLength(1);
  });

  it('finds no part when its upload is gone, and begins again over its note', async () => {
    const { store, prefix } = open();
    const body = randomBytes(13 * MIB);
    const identity = await suspend(store, body, 7 * MIB);
    for (const { name } of await listed(store.listParts()))
      if (name.startsWith('upload:')) await store.removePart(name);
    expect(await store.findPart(identity.key)).toBeNull();
    const writer = await store.createWriter(body.length, identity);
    await writeAll(writer, body.subarray(0, 6 * MIB));
    await writer.suspend();
    const part = await keptPart(store, identity.key);
    expect(part.kept).toBe(6 * MIB);
    await part.drop();
    expect(await listKeys(server.client, server.bucket, prefix)).toEqual([]);
  });

  it('keeps nothing of less than the 5 MiB that a part must have', async () => {
    const { store, prefix } = open();
    const body = randomBytes(13 * MIB);
    const { key } = await suspend(store, body, 5 * MIB - 1);
    expect(await store.findPart(key)).toBeNull();
    expect(await listKeys(server.client, server.bucket, prefix)).toEqual([]);
    const part = await keptPart(store, (await suspend(store, body, 5 * MIB)).key);
    expect(part.kept).toBe(5 * MIB);
    await part.drop();
  });

  it('neither lists nor removes what is foreign', async () => {
    const { store, prefix } = open();
    const { sha256 } = await storeBlob(store, randomBytes(10));
    const uuid = randomUUID();
    const foreign = [`${prefix}/parts/notes.txt`, `${prefix}/sha256/00/short`, `${prefix}-2/parts/${uuid}`];
    const place = (Key: string) => ({ Bucket: server.bucket, Key });
    for (const key of foreign) await server.client.send(new PutObjectCommand({ ...place(key), Body: 'x' }));
    for (const key of [`${prefix}/other/${uuid}`, `${prefix}-2/parts/${uuid}`]) {
      await server.client.send(new CreateMultipartUploadCommand(place(key)));
    }
    expect((await listed(store.listBlobs())).map((blob) => blob.sha256)).toEqual([sha256]);
    expect(await listed(store.listParts())).toEqual([]);
    for (const name of ['object:parts/notes.txt', 'object:sha256/00/short', `upload:1:other/${uuid}`]) {
      await expect(store.removePart(name)).rejects.toThrow(RangeError);
    }
    expect(await listKeys(server.client, server.bucket, prefix)).toHaveLength(6);
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

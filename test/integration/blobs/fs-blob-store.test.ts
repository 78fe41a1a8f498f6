import { randomBytes, randomUUID } from 'node:crypto';
import fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createFsBlobStore } from '../../../src/blobs/fs/store.js';
import type { FsFiles } from '../../../src/blobs/fs/files.js';
import { itKeepsTheBlobStoreContract } from '../../support/blob-store-contract.js';
import { bytesOf, sha256Of, storeBlob } from '../../support/stored-blobs.js';

const THREE_DAYS_MS = 3 * 24 * 60 * 60 * 1000;

const blobPath = (root: string, sha256: string): string => join(root, 'sha256', sha256.slice(0, 2), sha256);

const listParts = (root: string): Promise<string[]> => fs.readdir(join(root, 'parts')).catch(() => []);

const failure = (code: string): Error =>
  Object.assign(new Error(`${code}: said the disk about /secret/place`), { code });

describe('createFsBlobStore', () => {
  itKeepsTheBlobStoreContract(async () => {
    const root = await fs.mkdtemp(join(tmpdir(), 'durable-import-blobs-'));
    const file = join(root, 'a-file');
    await fs.writeFile(file, '');
    return {
      store: createFsBlobStore({ root }),
      reopen: () => createFsBlobStore({ root }),
      listParts: () => listParts(root),
      openBroken: () => createFsBlobStore({ root: join(file, 'below') }),
      close: () => fs.rm(root, { recursive: true }),
    };
  });

  let root: string;
  beforeEach(async () => {
    root = join(await fs.mkdtemp(join(tmpdir(), 'durable-import-blobs-')), 'made', 'on', 'demand');
  });
  afterEach(() => fs.rm(join(root, '..', '..', '..'), { recursive: true }));

  it('lays a blob at sha256/ab/<sha256>', async () => {
    const body = randomBytes(10);
    const { sha256 } = await storeBlob(createFsBlobStore({ root }), body);
    expect(await fs.readFile(blobPath(root, sha256))).toEqual(body);
  });

  it('makes an old blob look new when it is committed again, so that garbage collection spares it', async () => {
    const store = createFsBlobStore({ root });
    const body = randomBytes(10);
    const { sha256 } = await storeBlob(store, body);
    const old = new Date(Date.now() - THREE_DAYS_MS);
    await fs.utimes(blobPath(root, sha256), old, old);
    await storeBlob(store, body);
    expect((await store.stat(sha256))?.modifiedAt.getTime()).toBeGreaterThan(Date.now() - 60_000);
  });

  it('creates the blob after all when it is collected between two looks', async () => {
    const body = randomBytes(10);
    await storeBlob(createFsBlobStore({ root }), body);
    const collected: FsFiles = {
      ...fs,
      async utimes(path, ...times) {
        await fs.unlink(path);
        await fs.utimes(path, ...times);
      },
    };
    const { sha256, created } = await storeBlob(createFsBlobStore({ root, files: collected }), body);
    expect(created).toBe(true);
    expect(await fs.readFile(blobPath(root, sha256))).toEqual(body);
  });

  it('recreates its folders after they were removed', async () => {
    const store = createFsBlobStore({ root });
    const body = randomBytes(10);
    await storeBlob(store, body);
    await fs.rm(root, { recursive: true });
    expect((await storeBlob(store, body)).created).toBe(true);
  });

  it('links a name only after its bytes were synced, and answers only after the folder was', async () => {
    const calls: string[] = [];
    const place = (path: unknown): string =>
      String(path).includes('parts') ? 'part' : basename(String(path)).slice(0, 2);
    const recording: FsFiles = {
      ...fs,
      async open(path, ...rest) {
        const handle = await fs.open(path, ...rest);
        const [sync, datasync] = [handle.sync.bind(handle), handle.datasync.bind(handle)];
        handle.sync = () => sync().finally(() => calls.push(`sync ${place(path)}`));
        handle.datasync = () => datasync().finally(() => calls.push(`sync ${place(path)}`));
        return handle;
      },
      link: (from, to) => fs.link(from, to).finally(() => calls.push('link')),
      unlink: (path) => fs.unlink(path).finally(() => calls.push(`unlink ${place(path)}`)),
    };
    const body = randomBytes(10);
    const { sha256 } = await storeBlob(createFsBlobStore({ root, files: recording }), body);
    const leaf = sha256.slice(0, 2);
    const [first, second] = [calls.indexOf('sync part'), calls.indexOf('link')];
    expect(first).toBeGreaterThanOrEqual(0);
    expect(second).toBeGreaterThan(first);
    expect(calls.slice(second)).toEqual(['link', `sync ${leaf}`, 'unlink part']);
    expect(calls.slice(first, second)).toEqual(['sync part', 'sync de', 'sync sh']);
  });

  it('syncs the folder also when the blob exists, because its writer may have died before it did', async () => {
    const body = randomBytes(10);
    const { sha256 } = await storeBlob(createFsBlobStore({ root }), body);
    const synced: string[] = [];
    const recording: FsFiles = {
      ...fs,
      async open(path, ...rest) {
        const handle = await fs.open(path, ...rest);
        const sync = handle.sync.bind(handle);
        handle.sync = () => sync().finally(() => synced.push(String(path)));
        return handle;
      },
    };
    await storeBlob(createFsBlobStore({ root, files: recording }), body);
    expect(synced).toContain(join(blobPath(root, sha256), '..'));
  });

  it.each([
    ['ENOSPC', 'The blob store has no space left'],
    ['EDQUOT', 'The blob store has no space left'],
    ['EROFS', 'The blob store may not be written to'],
    ['EACCES', 'The blob store may not be written to'],
    ['EMFILE', 'The process has too many open files'],
    ['EIO', 'The blob store failed (EIO)'],
  ])('says in a sentence without a path what %s means, and leaves nothing behind', async (code, message) => {
    const full: FsFiles = {
      ...fs,
      async open(path, ...rest) {
        const handle = await fs.open(path, ...rest);
        handle.writeFile = () => Promise.reject(failure(code));
        return handle;
      },
    };
    const store = createFsBlobStore({ root, files: full });
    const writer = await store.createWriter(null);
    const body = randomBytes(600_000);
    await expect(writer.write(body)).rejects.toMatchObject({ code: 'storage_failed', message });
    await writer.discard();
    await expect(store.ping()).rejects.toMatchObject({ code: 'storage_failed', message });
    expect(await listParts(root)).toEqual([]);
  });

  it.each(['datasync', 'link', 'folder sync'])('stores nothing that counts when %s fails', async (step) => {
    const failing: FsFiles = {
      ...fs,
      async open(path, ...rest) {
        const handle = await fs.open(path, ...rest);
        if (step === 'datasync') handle.datasync = () => Promise.reject(failure('EIO'));
        if (step === 'folder sync') handle.sync = () => Promise.reject(failure('EIO'));
        return handle;
      },
      link: (from, to) => (step === 'link' ? Promise.reject(failure('EIO')) : fs.link(from, to)),
    };
    const body = randomBytes(10);
    const writer = await createFsBlobStore({ root, files: failing }).createWriter(null);
    await writer.write(body);
    await expect(writer.commit(sha256Of(body))).rejects.toMatchObject({ message: 'The blob store failed (EIO)' });
    await writer.discard();
    expect(await listParts(root)).toEqual([]);
    // The next attempt is not held up by what the first one left.
    const store = createFsBlobStore({ root });
    await storeBlob(store, body);
    expect(await bytesOf(await store.read(sha256Of(body)))).toEqual(body);
  });

  it('frees the descriptors of reads that were given up', async () => {
    const store = createFsBlobStore({ root });
    const { sha256 } = await storeBlob(store, randomBytes(3_000_000));
    const before = (await fs.readdir('/dev/fd')).length;
    const streams = await Promise.all(Array.from({ length: 50 }, () => store.read(sha256)));
    const open = (await fs.readdir('/dev/fd')).length;
    expect(open).toBeGreaterThanOrEqual(before + 50);
    for (const stream of streams.slice(0, 25)) await stream?.[Symbol.asyncIterator]().next();
    for (const stream of streams) stream?.destroy();
    // Ends with the test's time limit when a descriptor stays.
    while ((await fs.readdir('/dev/fd')).length > open - 50);
  });

  it('reports a disk that breaks during a read as storage_failed', async () => {
    const store = createFsBlobStore({
      root,
      files: {
        ...fs,
        async open(path, ...rest) {
          const handle = await fs.open(path, ...rest);
          if (basename(String(path)).length === 64) handle.read = () => Promise.reject(failure('EIO'));
          return handle;
        },
      },
    });
    const { sha256 } = await storeBlob(store, randomBytes(1_000));
    const reading = bytesOf(await store.read(sha256));
    await expect(reading).rejects.toMatchObject({ code: 'storage_failed', message: 'The blob store failed (EIO)' });
  });

  it('gives every writer a part of its own', async () => {
    const store = createFsBlobStore({ root });
    const writers = await Promise.all(Array.from({ length: 5 }, () => store.createWriter(null)));
    await Promise.all(writers.map((writer) => writer.write(randomBytes(300_000))));
    expect(new Set(await listParts(root)).size).toBe(5);
    expect((await listParts(root)).every((name) => name.length === randomUUID().length)).toBe(true);
    await Promise.all(writers.map((writer) => writer.discard()));
    expect(await listParts(root)).toEqual([]);
  });
});

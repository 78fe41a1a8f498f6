/* eslint jest/no-export: off -- a suite that several test files run */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { BlobStore } from '../../src/blobs/blob-store.js';
import { itKeepsParts } from './blob-parts-contract.js';
import { itListsAndRemoves } from './blob-listing-contract.js';
import { bytesOf, listed, sha256Of, storeBlob, writeAll } from './stored-blobs.js';

/** A store in an empty place, and what a test must see of that place. */
export interface BlobStoreUnderTest {
  readonly store: BlobStore;
  /** Another store over the same place, as another process would open it. */
  reopen(): BlobStore;
  /** Names of whatever is there of bodies that are still arriving: files, objects, uploads. */
  listParts(): Promise<string[]>;
  /** A store of the same sort in a place that can be neither read nor written. */
  openBroken(): BlobStore;
  close(): Promise<void>;
}

/** What every BlobStore promises: see src/blobs/blob-store.ts. Each test stores random bytes, so none meets another's. */
export function itKeepsTheBlobStoreContract(open: () => Promise<BlobStoreUnderTest>): void {
  describe('the contract of every blob store', () => {
    let place: BlobStoreUnderTest;
    let store: BlobStore;
    beforeAll(async () => {
      place = await open();
      store = place.store;
    });
    afterAll(() => place.close());

    it('gives back what was committed, with its length and the time', async () => {
      const body = randomBytes(100_000);
      const before = Date.now();
      const { sha256, created } = await storeBlob(store, body);
      const stat = await store.stat(sha256);
      expect(created).toBe(true);
      expect(await bytesOf(await store.read(sha256))).toEqual(body);
      expect(stat?.bytes).toBe(100_000);
      // S3 tells whole seconds, and the clocks of a disk and of the process differ by a tick.
      expect(Math.abs((stat?.modifiedAt.getTime() ?? 0) - before)).toBeLessThan(30_000);
    });

    it('shows nothing before the commit', async () => {
      const body = randomBytes(300_000);
      const writer = await store.createWriter(body.length);
      await writer.write(body);
      expect(await store.stat(sha256Of(body))).toBeNull();
      expect(await store.read(sha256Of(body))).toBeNull();
      await writer.discard();
    });

    it.each([
      ['the first byte', 0, 0, 0, 1],
      ['the middle', 10, 19, 10, 20],
      ['the end', 990, 999, 990, 1000],
      ['an end beyond the size', 995, 5_000, 995, 1000],
      ['a start beyond the size', 1_000, 5_000, 0, 0],
    ])('reads a range: %s', async (_, start, end, from, to) => {
      const body = randomBytes(1_000);
      const { sha256 } = await storeBlob(store, body);
      expect(await bytesOf(await store.read(sha256, { start, end }))).toEqual(body.subarray(from, to));
    });

    it('answers null for a blob that it does not have', async () => {
      const missing = sha256Of(randomBytes(8));
      expect(await store.stat(missing)).toBeNull();
      expect(await store.read(missing)).toBeNull();
      expect(await store.read(missing, { start: 0, end: 1 })).toBeNull();
    });

    it('stores an empty body', async () => {
      const writer = await store.createWriter(0);
      const sha256 = sha256Of(Buffer.alloc(0));
      await writer.write(Buffer.alloc(0));
      await writer.commit(sha256);
      expect((await store.stat(sha256))?.bytes).toBe(0);
      expect(await bytesOf(await store.read(sha256))).toHaveLength(0);
      expect(await bytesOf(await store.read(sha256, { start: 0, end: 9 }))).toHaveLength(0);
    });

    it('stores 20 MiB that come in odd chunks', async () => {
      const body = randomBytes(20 * 1024 * 1024);
      const { sha256, created } = await storeBlob(store, body);
      expect(created).toBe(true);
      expect(sha256Of(await bytesOf(await store.read(sha256)))).toBe(sha256);
      const across = { start: 5 * 1024 * 1024 - 3, end: 5 * 1024 * 1024 + 3 };
      expect(await bytesOf(await store.read(sha256, across))).toEqual(body.subarray(across.start, across.end + 1));
      expect(await place.listParts()).toEqual([]);
    });

    it('copies what it is given, so that the caller may reuse its memory', async () => {
      const memory = randomBytes(50_000);
      const body = Buffer.from(memory);
      const writer = await store.createWriter(null);
      await writer.write(memory);
      memory.fill(0);
      await writer.commit(sha256Of(body));
      expect(await bytesOf(await store.read(sha256Of(body)))).toEqual(body);
    });

    it('leaves it to the caller that the name fits the bytes', async () => {
      const other = sha256Of(randomBytes(8));
      const writer = await store.createWriter(null);
      await writer.write(Buffer.from('some bytes'));
      await writer.commit(other);
      expect((await bytesOf(await store.read(other))).toString()).toBe('some bytes');
    });

    it('keeps the blob that exists when the same bytes are committed again', async () => {
      const body = randomBytes(40_000);
      expect((await storeBlob(store, body)).created).toBe(true);
      const { sha256, created } = await storeBlob(store, body);
      expect(created).toBe(false);
      expect(await bytesOf(await store.read(sha256))).toEqual(body);
      expect(await place.listParts()).toEqual([]);
    });

    it.each([
      ['small', 30_000, 20],
      ['large', 11 * 1024 * 1024, 4],
    ])('lets exactly one of many concurrent writers of the same %s body create it', async (_, bytes, writers) => {
      const body = randomBytes(bytes);
      const results = await Promise.all(Array.from({ length: writers }, () => storeBlob(store, body)));
      expect(results.filter(({ created }) => created)).toHaveLength(1);
      expect(sha256Of(await bytesOf(await store.read(sha256Of(body))))).toBe(sha256Of(body));
      expect(await place.listParts()).toEqual([]);
    });

    it.each([
      ['nothing', 0],
      ['a little', 1_000],
      ['a lot', 12 * 1024 * 1024],
    ])('leaves nothing behind when %s is discarded', async (_, bytes) => {
      const body = randomBytes(bytes);
      const writer = await store.createWriter(null);
      await writeAll(writer, body);
      await writer.discard();
      await writer.discard();
      expect(await place.listParts()).toEqual([]);
      await expect(writer.write(Buffer.from('late'))).rejects.toThrow('was committed, suspended or discarded before');
    });

    it('takes a discard after a commit as done', async () => {
      const body = randomBytes(10);
      const writer = await store.createWriter(body.length);
      await writer.write(body);
      await writer.commit(sha256Of(body));
      await writer.discard();
      await expect(writer.commit(sha256Of(body))).rejects.toThrow('was committed, suspended or discarded before');
      expect(await bytesOf(await store.read(sha256Of(body)))).toEqual(body);
    });

    it('refuses names that are not 64 hex digits', async () => {
      const writer = await store.createWriter(null);
      for (const name of ['', '../../etc/passwd', sha256Of(Buffer.alloc(1)).toUpperCase(), `${'a'.repeat(63)}/`]) {
        await expect(store.stat(name)).rejects.toThrow(RangeError);
        await expect(store.read(name)).rejects.toThrow(RangeError);
        await expect(store.remove(name)).rejects.toThrow(RangeError);
        await expect(writer.commit(name)).rejects.toThrow(RangeError);
      }
      await writer.discard();
    });

    it('stays usable after many reads were given up', async () => {
      const { sha256 } = await storeBlob(store, randomBytes(2_000_000));
      // More than any pool of sockets that a store may have; half of them before the first byte.
      for (let count = 0; count < 250; count += 1) {
        const stream = await store.read(sha256);
        if (count % 2 === 0) await stream?.[Symbol.asyncIterator]().next();
        stream?.destroy();
      }
      expect((await bytesOf(await store.read(sha256))).length).toBe(2_000_000);
    });

    it('answers a ping while it can be written to', async () => {
      await expect(store.ping()).resolves.toBeUndefined();
      expect(await place.listParts()).toEqual([]);
    });

    it('says storage_failed, and nothing about places, when it is broken', async () => {
      const broken = place.openBroken();
      const sha256 = sha256Of(randomBytes(4));
      const writer = await broken.createWriter(null);
      const attempts = [
        () => broken.ping(),
        () => broken.findPart('item:1'),
        () => listed(broken.listBlobs()),
        () => listed(broken.listParts()),
        () => broken.remove(sha256),
        () => broken.stat(sha256),
        () => broken.read(sha256),
        async () => {
          await writer.write(Buffer.alloc(1_000));
          await writer.commit(sha256);
        },
      ];
      for (const attempt of attempts) {
        await expect(attempt()).rejects.toMatchObject({
          name: 'ImportError',
          code: 'storage_failed',
          retryable: true,
          details: { stage: 'store' },
          message: expect.stringMatching(/^The blob store [a-z ]+( \([A-Za-z]+\))?$/),
        });
      }
      await writer.discard();
      await broken.close();
    });

    itKeepsParts(open);
    itListsAndRemoves(() => place);
  });
}

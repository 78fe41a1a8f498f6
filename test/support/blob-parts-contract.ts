/* eslint jest/no-export: off, jest/require-top-level-describe: off -- belongs to the suite in blob-store-contract.ts */
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { BlobWriter } from '../../src/blobs/blob-store.js';
import type { BlobStoreUnderTest } from './blob-store-contract.js';
import { eventually } from './eventually.js';
import { bytesOf, keptPart, partOf, sha256Of, storeBlob, writeAll } from './stored-blobs.js';

const MIB = 1024 * 1024;
/** More than the least that any store keeps. */
const BODY = 12 * MIB;
const HALF = 7 * MIB + 123;
const ANOTHER_ATTEMPT = { name: 'ImportError', code: 'storage_failed', retryable: true };

/** What every BlobStore promises about bodies that a later attempt continues: see src/blobs/blob-store.ts. */
export function itKeepsParts(open: () => Promise<BlobStoreUnderTest>): void {
  describe('kept parts', () => {
    let place: BlobStoreUnderTest;
    beforeEach(async () => {
      place = await open();
    });
    afterEach(() => place.close());

    /** What an attempt leaves that was suspended after `bytes`. */
    async function suspended(body: Buffer, bytes: number): Promise<string> {
      const identity = partOf(body);
      const writer = await place.store.createWriter(body.length, identity);
      await writeAll(writer, body.subarray(0, bytes));
      await writer.suspend();
      return identity.key;
    }

    async function expectBlob(body: Buffer): Promise<void> {
      expect(sha256Of(await bytesOf(await place.store.read(sha256Of(body))))).toBe(sha256Of(body));
    }

    it('finds nothing under a key that has none', async () => {
      expect(await place.store.findPart('item:nobody')).toBeNull();
    });

    it('continues a suspended body in another process, byte for byte', async () => {
      const body = randomBytes(BODY);
      const key = await suspended(body, HALF);
      const other = place.reopen();
      const part = await keptPart(other, key);
      expect(part).toMatchObject({ key, etag: '"v1"', total: BODY, restarts: 0, kept: HALF });
      expect(sha256Of(await bytesOf(await part.read()))).toBe(sha256Of(body.subarray(0, HALF)));
      const writer = await part.resume();
      expect(writer.kept).toBe(HALF);
      await writeAll(writer, body.subarray(HALF));
      expect(await writer.commit(sha256Of(body))).toEqual({ created: true });
      await expectBlob(body);
      expect(await other.findPart(key)).toBeNull();
      expect(await place.listParts()).toEqual([]);
    });

    it('continues without reading first, and commits what is complete without a further byte', async () => {
      const body = randomBytes(BODY);
      const key = await suspended(body, BODY);
      const part = await keptPart(place.store, key);
      expect(part.kept).toBe(BODY);
      await (await part.resume()).commit(sha256Of(body));
      await expectBlob(body);
      expect(await place.listParts()).toEqual([]);
    });

    it('finds what a killed attempt had kept, and lets the killed one do no harm if it lives', async () => {
      const body = randomBytes(24 * MIB);
      const identity = partOf(body);
      const killed = await place.store.createWriter(body.length, identity);
      await writeAll(killed, body.subarray(0, 22 * MIB));
      await eventually('a kept offset', () => killed.kept >= 16 * MIB);

      const other = place.reopen();
      const part = await keptPart(other, identity.key);
      expect(part.kept).toBeGreaterThanOrEqual(killed.kept);
      expect(part.kept).toBeLessThanOrEqual(22 * MIB);
      expect(sha256Of(await bytesOf(await part.read()))).toBe(sha256Of(body.subarray(0, part.kept)));
      const writer = await part.resume();
      await writeAll(writer, body.subarray(part.kept, part.kept + MIB));

      const live = async (): Promise<void> => {
        await killed.write(randomBytes(2 * MIB));
        await killed.commit(sha256Of(body));
      };
      await expect(live()).rejects.toMatchObject(ANOTHER_ATTEMPT);
      await killed.suspend();
      expect(await keptPart(other, identity.key)).toMatchObject({ kept: part.kept });

      await writeAll(writer, body.subarray(part.kept + MIB));
      await writer.commit(sha256Of(body));
      await expectBlob(body);
      expect(await place.listParts()).toEqual([]);
    });

    it('refuses an attempt whose part a later one has committed', async () => {
      const body = randomBytes(BODY);
      const key = await suspended(body, HALF);
      const late = await (await keptPart(place.store, key)).resume();
      const next = await (await keptPart(place.reopen(), key)).resume();
      await writeAll(next, body.subarray(HALF));
      await next.commit(sha256Of(body));
      const other = randomBytes(10);
      const live = async (): Promise<void> => {
        await writeAll(late, other);
        await late.commit(sha256Of(other));
      };
      await expect(live()).rejects.toMatchObject(ANOTHER_ATTEMPT);
      await late.discard();
      expect(await place.store.stat(sha256Of(other))).toBeNull();
      await expectBlob(body);
      expect(await place.listParts()).toEqual([]);
    });

    it('leaves the part of a later attempt alone when an earlier one drops what it has', async () => {
      const body = randomBytes(BODY);
      const key = await suspended(body, HALF);
      const stale = await keptPart(place.store, key);
      const late = await (await keptPart(place.store, key)).resume();
      const next = await (await keptPart(place.reopen(), key)).resume();
      await writeAll(next, body.subarray(HALF, HALF + MIB));
      await late.discard();
      await stale.drop();
      await next.suspend();
      await stale.drop();
      const part = await keptPart(place.store, key);
      expect(part.kept).toBe(HALF + MIB);
      expect(sha256Of(await bytesOf(await part.read()))).toBe(sha256Of(body.subarray(0, HALF + MIB)));
    });

    it('lets only one of two attempts that find the same part at the same time have it', async () => {
      const body = randomBytes(BODY);
      const key = await suspended(body, HALF);
      const parts = await Promise.all([keptPart(place.store, key), keptPart(place.reopen(), key)]);
      const finish = async (writer: BlobWriter): Promise<void> => {
        await writeAll(writer, body.subarray(HALF));
        await writer.commit(sha256Of(body));
      };
      const resumed = await Promise.allSettled(parts.map((part) => part.resume()));
      const writers = resumed.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
      const results = await Promise.allSettled(writers.map(finish));
      await Promise.all(writers.map((writer) => writer.discard()));
      expect(results.some(({ status }) => status === 'fulfilled')).toBe(true);
      const failures = [...resumed, ...results].flatMap((result) =>
        result.status === 'rejected' ? [result.reason as unknown] : [],
      );
      expect(failures).toEqual(failures.map(() => expect.objectContaining(ANOTHER_ATTEMPT)));
      await expectBlob(body);
      expect(await place.store.findPart(key)).toBeNull();
    });

    it('forgets the older part when the body has changed', async () => {
      const body = randomBytes(BODY);
      const key = await suspended(body, HALF);
      const changed = randomBytes(BODY - 5);
      const writer = await place.store.createWriter(
        changed.length,
        partOf(changed, { key, etag: '"v2"', restarts: 1 }),
      );
      expect(writer.kept).toBe(0);
      expect(await place.store.findPart(key)).toBeNull();
      expect(await place.listParts()).toEqual([]);
      await writeAll(writer, changed.subarray(0, HALF));
      await writer.suspend();
      const part = await keptPart(place.store, key);
      expect(part).toMatchObject({ etag: '"v2"', total: BODY - 5, restarts: 1, kept: HALF });
      await part.drop();
    });

    it('leaves nothing behind when a part is dropped, also when another attempt was quicker', async () => {
      const key = await suspended(randomBytes(BODY), HALF);
      const part = await keptPart(place.store, key);
      await part.drop();
      await part.drop();
      expect(await place.store.findPart(key)).toBeNull();
      expect(await place.listParts()).toEqual([]);
      await expect(part.resume()).rejects.toMatchObject(ANOTHER_ATTEMPT);
      await expect(part.read().then(bytesOf)).rejects.toMatchObject(ANOTHER_ATTEMPT);
      expect(await place.listParts()).toEqual([]);
    });

    it('forgets what was kept under a key, once and for all, and nothing else', async () => {
      const [key, other] = [await suspended(randomBytes(BODY), HALF), await suspended(randomBytes(BODY), HALF)];
      await place.reopen().forgetPart(key);
      await place.store.forgetPart(key);
      await place.store.forgetPart('item:nobody');
      expect(await place.store.findPart(key)).toBeNull();
      expect(await keptPart(place.store, other)).toMatchObject({ kept: HALF });
      await place.store.forgetPart(other);
      expect(await place.listParts()).toEqual([]);
    });

    it('forgets a part that an attempt is still writing to, which then fails and leaves nothing behind', async () => {
      const body = randomBytes(BODY);
      const key = await suspended(body, HALF);
      const writer = await (await keptPart(place.store, key)).resume();
      await place.reopen().forgetPart(key);
      const live = async (): Promise<void> => {
        await writeAll(writer, body.subarray(HALF));
        await writer.commit(sha256Of(body));
      };
      await expect(live()).rejects.toMatchObject(ANOTHER_ATTEMPT);
      await writer.suspend();
      expect(await place.store.findPart(key)).toBeNull();
      expect(await place.store.stat(sha256Of(body))).toBeNull();
      expect(await place.listParts()).toEqual([]);
    });

    it('leaves nothing behind when a continued body is discarded', async () => {
      const body = randomBytes(BODY);
      const key = await suspended(body, HALF);
      const writer = await (await keptPart(place.store, key)).resume();
      await writeAll(writer, body.subarray(HALF));
      await writer.discard();
      await writer.suspend();
      expect(await place.store.findPart(key)).toBeNull();
      expect(await place.listParts()).toEqual([]);
    });

    it.each([
      ['nothing was written', 0, partOf(Buffer.alloc(BODY))],
      ['it would never be looked up', BODY, undefined],
    ])('discards when it is suspended and %s', async (_, bytes, identity) => {
      const writer = await place.store.createWriter(null, identity);
      await writeAll(writer, randomBytes(bytes));
      expect(writer.kept).toBe(0);
      await writer.suspend();
      await expect(writer.write(Buffer.from('late'))).rejects.toThrow('suspended or discarded before');
      expect(await place.listParts()).toEqual([]);
    });

    it('stores 40 MiB that were cut off three times', async () => {
      const body = randomBytes(40 * MIB);
      const key = await suspended(body, 9 * MIB + 1);
      for (const bytes of [8 * MIB + 77, 70_000]) {
        const part = await keptPart(place.reopen(), key);
        const writer = await part.resume();
        await writeAll(writer, body.subarray(part.kept, part.kept + bytes));
        await writer.suspend();
        expect((await keptPart(place.store, key)).kept).toBe(part.kept + bytes);
      }
      const part = await keptPart(place.store, key);
      const writer = await part.resume();
      await writeAll(writer, body.subarray(part.kept));
      await writer.commit(sha256Of(body));
      await expectBlob(body);
      expect(await place.listParts()).toEqual([]);
    });

    it('commits a continued body whose blob exists by now, and keeps the blob', async () => {
      const body = randomBytes(BODY);
      const key = await suspended(body, HALF);
      await storeBlob(place.store, body);
      const writer = await (await keptPart(place.store, key)).resume();
      await writeAll(writer, body.subarray(HALF));
      expect(await writer.commit(sha256Of(body))).toEqual({ created: false });
      await expectBlob(body);
      expect(await place.listParts()).toEqual([]);
    });

    it('keeps parts under keys that look alike apart', async () => {
      const body = randomBytes(BODY);
      const keys = ['look:alike', 'look_alike', 'look-alike', 'lookalike:', ':lookalike'];
      for (const key of keys) {
        const writer = await place.store.createWriter(BODY, partOf(body, { key, etag: `"${key}"` }));
        await writeAll(writer, body.subarray(0, HALF));
        await writer.suspend();
      }
      for (const key of keys) expect((await keptPart(place.store, key)).etag).toBe(`"${key}"`);
      for (const key of keys) await (await keptPart(place.store, key)).drop();
      expect(await place.listParts()).toEqual([]);
    });

    it.each(['', '../item', 'a/b', 'a.b', 'x'.repeat(201), 'ä'])('refuses "%s" as a key', async (key) => {
      await expect(place.store.findPart(key)).rejects.toThrow(RangeError);
      await expect(place.store.forgetPart(key)).rejects.toThrow(RangeError);
      await expect(place.store.createWriter(1, partOf(Buffer.alloc(1), { key }))).rejects.toThrow(RangeError);
    });
  });
}

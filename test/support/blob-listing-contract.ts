/* eslint jest/no-export: off, jest/require-top-level-describe: off -- belongs to the suite in blob-store-contract.ts */
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import type { BlobStoreUnderTest } from './blob-store-contract.js';
import { listed, partOf, sha256Of, storeBlob } from './stored-blobs.js';

const MIB = 1024 * 1024;

/** What garbage collection needs of every store. */
export function itListsAndRemoves(place: () => BlobStoreUnderTest): void {
  describe('listing and removing', () => {
    it('lists every blob with its length and time, and nothing that is still arriving', async () => {
      const { store } = place();
      const stored = [];
      for (const bytes of [0, 10, 6 * MIB]) {
        const body = randomBytes(bytes);
        stored.push({ sha256: (await storeBlob(store, body)).sha256, bytes });
      }
      const arriving = randomBytes(6 * MIB);
      const writer = await store.createWriter(null);
      await writer.write(arriving);
      const blobs = await listed(store.listBlobs());
      await writer.discard();
      const found = new Map(blobs.map((blob) => [blob.sha256, blob]));
      expect(found.size).toBe(blobs.length);
      expect(found.has(sha256Of(arriving))).toBe(false);
      for (const { sha256, bytes } of stored) {
        expect(found.get(sha256)?.bytes).toBe(bytes);
        expect(found.get(sha256)?.modifiedAt).toEqual((await store.stat(sha256))?.modifiedAt);
      }
    });

    it('removes a blob, also when it is gone already', async () => {
      const { store } = place();
      const { sha256 } = await storeBlob(store, randomBytes(10));
      const other = await storeBlob(store, randomBytes(10));
      await store.remove(sha256);
      await store.remove(sha256);
      expect(await store.stat(sha256)).toBeNull();
      expect(await store.read(sha256)).toBeNull();
      const left = (await listed(store.listBlobs())).map((blob) => blob.sha256);
      expect(left).not.toContain(sha256);
      expect(left).toContain(other.sha256);
    });

    it('lists whatever belongs to arriving bodies, and removes it by name', async () => {
      const { store } = place();
      const body = randomBytes(11 * MIB);
      const identity = partOf(body);
      const kept = await store.createWriter(body.length, identity);
      await kept.write(body);
      await kept.suspend();
      const anonymous = await store.createWriter(null);
      await anonymous.write(body);
      const parts = await listed(store.listParts());
      expect(parts.length).toBeGreaterThanOrEqual(3);
      expect(parts).toHaveLength((await place().listParts()).length);
      for (const { modifiedAt } of parts) expect(Math.abs(modifiedAt.getTime() - Date.now())).toBeLessThan(60_000);
      for (const { name } of parts) await store.removePart(name);
      for (const { name } of parts) await store.removePart(name);
      expect(await store.findPart(identity.key)).toBeNull();
      await anonymous.discard();
      expect(await listed(store.listParts())).toEqual([]);
      expect(await place().listParts()).toEqual([]);
    });

    it.each(['', '.', '../sha256/aa', 'object:', 'object:sha256/aa', 'upload:1:../../etc', 'parts/x', 'notes.txt'])(
      'refuses to remove "%s", which it never listed',
      async (name) => {
        await expect(place().store.removePart(name)).rejects.toThrow(RangeError);
      },
    );
  });
}

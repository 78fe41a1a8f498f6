import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ImportError } from '../../../src/domain/errors.js';
import { collectBlobs } from '../../../src/garbage/collect.js';
import { garbageLimits } from '../../../src/garbage/find.js';
import { aGarbageRig, HOUR_MS, NEVER, type GarbageRig } from './garbage-rig.js';

const LIMITS = garbageLimits(90);

let rig: GarbageRig;
beforeEach(async () => {
  rig = await aGarbageRig();
});
afterEach(() => rig.close());

const exists = async (sha256: string): Promise<boolean> => (await rig.blobs.stat(sha256)) !== null;
const collect = (changes: Partial<GarbageRig['deps']> = {}, signal = NEVER) =>
  collectBlobs({ ...rig.deps, ...changes }, LIMITS, signal);

describe('collectBlobs', () => {
  it('removes a blob that nothing refers to when it is older than 48 hours, and not before', async () => {
    const sha256 = await rig.blob('orphan', 48 * HOUR_MS - 60_000);

    expect(await collect()).toEqual({ count: 0, bytes: 0 });
    expect(await exists(sha256)).toBe(true);

    rig.testStore.advance(2 * 60_000);
    expect(await collect()).toEqual({ count: 1, bytes: 6 });
    expect(await exists(sha256)).toBe(false);
  });

  it('leaves a blob alone that media of any project refer to, however old it is', async () => {
    const kept = await rig.blob('kept', 1_000 * HOUR_MS);
    const orphan = await rig.blob('orphan', 1_000 * HOUR_MS);
    await rig.media(kept, { projectId: 'some-project' });

    expect(await collect()).toEqual({ count: 1, bytes: 6 });

    expect([await exists(kept), await exists(orphan)]).toEqual([true, false]);
    expect(await rig.store.removalNotices.find(kept)).toBeNull();
  });

  it('spares a blob that comes to be referred to, or is stored again, after its removal was announced', async () => {
    const referred = await rig.blob('referred', 72 * HOUR_MS);
    const again = await rig.blob('again', 72 * HOUR_MS);
    const removalNotices = {
      ...rig.store.removalNotices,
      announce: async (collector: string, names: readonly string[]) => {
        await rig.store.removalNotices.announce(collector, names);
        await rig.media(referred);
        await rig.blob('again', 0);
      },
    };

    expect(await collect({ removalNotices })).toEqual({ count: 0, bytes: 0 });

    expect([await exists(referred), await exists(again)]).toEqual([true, true]);
    expect(await rig.store.removalNotices.find(referred)).toMatchObject({ state: 'done' });
  });

  it('removes nothing any more when five minutes have passed since the notice went up', async () => {
    const sha256 = await rig.blob('orphan', 72 * HOUR_MS);
    const media = {
      referenced: (names: readonly string[]) => {
        rig.testStore.advance(names.length > 0 ? 3 * 60_000 : 0);
        return rig.store.media.referenced(names);
      },
    };
    const blobs = {
      ...rig.blobs,
      stat: (name: string) => {
        rig.testStore.advance(3 * 60_000);
        return rig.blobs.stat(name);
      },
    };
    const slow = () => collect({ media, blobs });

    expect(await slow()).toEqual({ count: 0, bytes: 0 });

    expect(await exists(sha256)).toBe(true);
    expect(await rig.store.removalNotices.find(sha256)).toMatchObject({ state: 'done' });
    expect(await collect()).toMatchObject({ count: 1 });
  });

  it('keeps the removal notice of a blob whose removal failed, because the store may have got to hear of it', async () => {
    const [good, bad] = [await rig.blob('good', 72 * HOUR_MS), await rig.blob('bad', 72 * HOUR_MS)];
    const failure = new ImportError('storage_failed', 'The blob store does not answer', { stage: 'store' });
    const remove = (name: string) => (name === bad ? Promise.reject(failure) : rig.blobs.remove(name));

    await expect(collect({ blobs: { ...rig.blobs, remove } })).rejects.toBe(failure);

    expect([await exists(good), await exists(bad)]).toEqual([false, true]);
    expect(await rig.store.removalNotices.find(good)).toMatchObject({ state: 'done' });
    expect(await rig.store.removalNotices.find(bad)).toMatchObject({ state: 'removing' });
  });

  it('does not conclude for another collection that may still be removing the blob', async () => {
    const sha256 = await rig.blob('orphan', 72 * HOUR_MS);
    await rig.store.removalNotices.announce('a run that was taken for dead', [sha256]);

    expect(await collect()).toMatchObject({ count: 1 });

    expect(await rig.store.removalNotices.find(sha256)).toMatchObject({ state: 'removing' });
    await rig.store.removalNotices.complete('a run that was taken for dead', [sha256]);
    expect(await rig.store.removalNotices.find(sha256)).toMatchObject({ state: 'done' });
  });

  it('stops at a cancellation with no removal notice left', async () => {
    const names = await Promise.all(['a', 'b', 'c'].map((content) => rig.blob(content, 72 * HOUR_MS)));
    const stop = new AbortController();
    const removalNotices = {
      ...rig.store.removalNotices,
      announce: (collector: string, sha256s: readonly string[]) => {
        stop.abort(new Error('Cancelled'));
        return rig.store.removalNotices.announce(collector, sha256s);
      },
    };

    await expect(collect({ removalNotices }, stop.signal)).rejects.toThrow('Cancelled');

    for (const name of names) {
      expect(await exists(name)).toBe(true);
      expect(await rig.store.removalNotices.find(name)).toMatchObject({ state: 'done' });
    }
  });

  it('takes notices down after 48 hours', async () => {
    const sha256 = await rig.blob('orphan', 72 * HOUR_MS);
    await collect();

    rig.testStore.advance(47 * HOUR_MS);
    await collect();
    expect(await rig.store.removalNotices.find(sha256)).not.toBeNull();

    rig.testStore.advance(2 * HOUR_MS);
    await collect();
    expect(await rig.store.removalNotices.find(sha256)).toBeNull();
  });

  it('asks about more blobs than fit into one page, and removes them all', async () => {
    const many = Array.from({ length: 2_100 }, (_, index) => ({
      sha256: index.toString(16).padStart(64, '0'),
      bytes: 10,
      modifiedAt: new Date(0),
    }));
    const present = new Map(many.map((blob) => [blob.sha256, blob]));
    const asked: number[] = [];
    const blobs = {
      async *listBlobs() {
        yield* await Promise.resolve([...present.values()]);
      },
      stat: (name: string) => Promise.resolve(present.get(name) ?? null),
      remove: (name: string) => Promise.resolve(void present.delete(name)),
    };
    const media = {
      referenced: (names: readonly string[]) => {
        asked.push(names.length);
        return Promise.resolve(new Set(names.filter((name) => name.endsWith('f'))));
      },
    };

    expect((await collect({ blobs, media })).count).toBe(2_100 - 131);
    expect(Math.max(...asked)).toBe(1_000);
    expect(present.size).toBe(131);
  });
});

describe('a collection whose process dies', () => {
  /** What is left of a process that dies before it does that: from then on nothing that it does has an effect. */
  function dyingBefore(last: 'remove' | 'conclude'): Partial<GarbageRig['deps']> {
    let isDead = false;
    const alive =
      <A extends unknown[], R>(work: (...args: A) => Promise<R>, name = '') =>
      (...args: A): Promise<R> => {
        isDead ||= name === last;
        return isDead ? Promise.reject(new Error('The process is dead')) : work(...args);
      };
    const { blobs } = rig;
    const { removalNotices } = rig.store;
    return {
      blobs: {
        listBlobs: () => blobs.listBlobs(),
        stat: alive((name: string) => blobs.stat(name)),
        remove: alive((name: string) => blobs.remove(name), 'remove'),
      },
      removalNotices: {
        announce: alive((by: string, names: readonly string[]) => removalNotices.announce(by, names)),
        complete: alive((by: string, names: readonly string[]) => removalNotices.complete(by, names), 'conclude'),
        purge: alive((before: Date) => removalNotices.purge(before)),
      },
    };
  }

  it.each([
    ['after_condemn_before_remove', 'remove', true, 1],
    ['after_remove_before_forget', 'conclude', false, 0],
  ] as const)('%s leaves what the next collection finishes', async (_point, last, isLeft, removedNext) => {
    const sha256 = await rig.blob('orphan', 72 * HOUR_MS);

    await expect(collect(dyingBefore(last))).rejects.toThrow('The process is dead');
    expect(await exists(sha256)).toBe(isLeft);
    expect(await rig.store.removalNotices.find(sha256)).toMatchObject({ state: 'removing' });

    expect((await collect()).count).toBe(removedNext);
    expect(await exists(sha256)).toBe(false);
    rig.testStore.advance(49 * HOUR_MS);
    await collect();
    expect(await rig.store.removalNotices.find(sha256)).toBeNull();
  });
});

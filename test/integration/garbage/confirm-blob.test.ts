import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { NOTICE_DEAD_AFTER_MS, REMOVE_WITHIN_MS } from '../../../src/domain/removal-notice.js';
import { confirmBlob } from '../../../src/garbage/removal-notice.js';
import { aGarbageRig, NEVER, type GarbageRig } from './garbage-rig.js';

let rig: GarbageRig;
let deps: { removalNotices: GarbageRig['store']['removalNotices']; blobs: GarbageRig['blobs'] };
beforeEach(async () => {
  rig = await aGarbageRig();
  deps = { removalNotices: rig.store.removalNotices, blobs: rig.blobs };
});
afterEach(() => rig.close());

const ABSENT = 'ab'.repeat(32);

describe('confirmBlob', () => {
  it('looks at the blob only when there is a notice', async () => {
    const blobs = { stat: () => Promise.reject(new Error('The blob store was asked')) };

    await expect(confirmBlob({ ...deps, blobs }, ABSENT, NEVER)).resolves.toBeUndefined();
  });

  it('is content with a blob that was spared, and with one that is there again', async () => {
    const sha256 = await rig.blob('spared', 0);
    await deps.removalNotices.announce('c', [sha256]);
    await deps.removalNotices.complete('c', [sha256]);

    await expect(confirmBlob(deps, sha256, NEVER)).resolves.toBeUndefined();
  });

  it('waits until it is decided', async () => {
    const sha256 = await rig.blob('waits', 0);
    await deps.removalNotices.announce('c', [sha256]);
    let looks = 0;
    const find = async (name: string) => {
      looks += 1;
      if (looks === 3) await deps.removalNotices.complete('c', [sha256]);
      return deps.removalNotices.find(name);
    };

    await confirmBlob({ ...deps, removalNotices: { find } }, sha256, NEVER);

    expect(looks).toBe(3);
  });

  it('has the attempt made again when the blob is gone', async () => {
    await deps.removalNotices.announce('c', [ABSENT]);
    await deps.removalNotices.complete('c', [ABSENT]);

    await expect(confirmBlob(deps, ABSENT, NEVER)).rejects.toMatchObject({
      code: 'storage_failed',
      retryable: true,
      details: { stage: 'store' },
    });
  });

  it('does not wait for a collector whose notice is older than an hour', async () => {
    const sha256 = await rig.blob('dead', 0);
    rig.testStore.advance(-NOTICE_DEAD_AFTER_MS - 1);
    await deps.removalNotices.announce('c', [sha256]);

    await expect(confirmBlob(deps, sha256, NEVER)).resolves.toBeUndefined();
  });

  it.each([
    ['a slow collector', 0, REMOVE_WITHIN_MS],
    ['a dead one', REMOVE_WITHIN_MS + 60_000, NOTICE_DEAD_AFTER_MS - REMOVE_WITHIN_MS - 60_000],
  ])('gives the lane back, and asks to come back when more is known, when it waits for %s', async (_who, age, wait) => {
    const sha256 = await rig.blob('undecided', 0);
    rig.testStore.advance(-age);
    await deps.removalNotices.announce('c', [sha256]);

    const error: unknown = await confirmBlob({ ...deps, waitMs: 300 }, sha256, NEVER).catch(
      (thrown: unknown) => thrown,
    );

    expect(error).toMatchObject({ code: 'storage_failed', retryable: true });
    const { retryAfterMs } = (error as { details: { retryAfterMs: number } }).details;
    expect(retryAfterMs).toBeGreaterThan(wait - 60_000);
    expect(retryAfterMs).toBeLessThanOrEqual(wait);
  });

  it('stops waiting with the reason of the signal', async () => {
    await deps.removalNotices.announce('c', [ABSENT]);
    const stop = new AbortController();
    const find = (name: string) => {
      stop.abort(new Error('The sweep is over'));
      return deps.removalNotices.find(name);
    };

    await expect(confirmBlob({ ...deps, removalNotices: { find } }, ABSENT, stop.signal)).rejects.toThrow(
      'The sweep is over',
    );
  });
});

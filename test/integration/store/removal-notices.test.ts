import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { anAsset } from '../../support/builders.js';
import { aTestStore, type TestStore } from '../../support/store.js';

let test: TestStore;

beforeAll(async () => {
  test = await aTestStore();
});
afterAll(() => test.close());

const HOUR_MS = 60 * 60 * 1_000;

let blobs = 0;
/** A blob that no other test names. */
const aBlob = () => anAsset(`blob ${(blobs += 1)}`).sha256;

describe('removal notices of blobs', () => {
  it('do not exist for blobs whose removal was not announced', async () => {
    await expect(test.store.removalNotices.find(aBlob())).resolves.toBeNull();
  });

  it('stand until their collector concludes, and stay up afterwards', async () => {
    const { removalNotices } = test.store;
    const [blob, spared] = [aBlob(), aBlob()];
    const at = test.now();

    await removalNotices.announce('a', [blob, spared]);
    test.advance(1_000);
    await removalNotices.complete('a', [blob]);

    await expect(removalNotices.find(blob)).resolves.toStrictEqual({ _id: blob, state: 'done', at });
    await expect(removalNotices.find(spared)).resolves.toStrictEqual({ _id: spared, state: 'removing', at });
  });

  it('get a new date when they are put up again', async () => {
    const { removalNotices } = test.store;
    const blob = aBlob();
    await removalNotices.announce('a', [blob]);
    await removalNotices.complete('a', [blob]);
    test.advance(HOUR_MS);

    await removalNotices.announce('a', [blob]);

    await expect(removalNotices.find(blob)).resolves.toStrictEqual({ _id: blob, state: 'removing', at: test.now() });
  });

  it('stand as long as one of several collectors has not concluded, with the date of that one', async () => {
    const { removalNotices } = test.store;
    const blob = aBlob();
    const first = test.now();
    await removalNotices.announce('slow', [blob]);
    test.advance(1_000);
    const second = test.now();
    await removalNotices.announce('quick', [blob]);

    const both = await removalNotices.find(blob);
    await removalNotices.complete('quick', [blob]);
    const one = await removalNotices.find(blob);
    await removalNotices.complete('slow', [blob]);
    const none = await removalNotices.find(blob);

    expect(both).toMatchObject({ state: 'removing', at: second });
    expect(one).toMatchObject({ state: 'removing', at: first });
    expect(none).toMatchObject({ state: 'done', at: second });
  });

  it('are not concluded by a collector that did not put them up, whatever its name', async () => {
    const { removalNotices } = test.store;
    const blob = aBlob();
    await removalNotices.announce('run.1/$a', [blob]);

    for (const other of ['run', 'run.1', 'run%2E1/$a', 'b']) await removalNotices.complete(other, [blob]);
    const standing = await removalNotices.find(blob);
    await removalNotices.complete('run.1/$a', [blob]);

    expect(standing).toMatchObject({ state: 'removing' });
    await expect(removalNotices.find(blob)).resolves.toMatchObject({ state: 'done' });
  });

  it('are put up for the same blobs by several collectors at the same moment', async () => {
    const { removalNotices } = test.store;
    const names = Array.from({ length: 500 }, aBlob);
    const collectors = Array.from({ length: 8 }, (_, n) => `collector ${n}`);

    await Promise.all(collectors.map((collector) => removalNotices.announce(collector, names)));
    await Promise.all(collectors.slice(1).map((collector) => removalNotices.complete(collector, names)));
    const standing = await Promise.all(names.map((name) => removalNotices.find(name)));
    await removalNotices.complete('collector 0', names);
    const done = await Promise.all(names.map((name) => removalNotices.find(name)));

    expect(standing.map((notice) => notice?._id)).toEqual(names);
    expect(new Set(standing.map((notice) => notice?.state))).toEqual(new Set(['removing']));
    expect(new Set(done.map((notice) => notice?.state))).toEqual(new Set(['done']));
  });

  it('are taken down when they were put up before a time, done or not', async () => {
    const own = await aTestStore();
    const { removalNotices } = own.store;
    const [dead, done, renewed, young] = [aBlob(), aBlob(), aBlob(), aBlob()];
    await removalNotices.announce('a', [dead, done, renewed]);
    await removalNotices.complete('a', [done, renewed]);
    own.advance(HOUR_MS);
    const before = own.now();
    await removalNotices.announce('b', [renewed, young]);

    await expect(removalNotices.purge(before)).resolves.toBe(2);
    await expect(removalNotices.purge(before)).resolves.toBe(0);

    const left = await Promise.all([dead, done, renewed, young].map((blob) => removalNotices.find(blob)));
    expect(left.map((notice) => notice?._id)).toEqual([undefined, undefined, renewed, young]);
    await own.close();
  });

  it('take nothing to put up or conclude none', async () => {
    const { removalNotices } = test.store;

    await expect(removalNotices.announce('a', [])).resolves.toBeUndefined();
    await expect(removalNotices.complete('a', [])).resolves.toBeUndefined();
  });
});

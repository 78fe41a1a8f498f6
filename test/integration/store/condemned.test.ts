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

describe('notices of condemned blobs', () => {
  it('do not exist for blobs that were not condemned', async () => {
    await expect(test.store.condemned.find(aBlob())).resolves.toBeNull();
  });

  it('stand until their collector concludes, and stay up afterwards', async () => {
    const { condemned } = test.store;
    const [blob, spared] = [aBlob(), aBlob()];
    const at = test.now();

    await condemned.condemn('a', [blob, spared]);
    test.advance(1_000);
    await condemned.conclude('a', [blob]);

    await expect(condemned.find(blob)).resolves.toStrictEqual({ _id: blob, state: 'done', at });
    await expect(condemned.find(spared)).resolves.toStrictEqual({ _id: spared, state: 'removing', at });
  });

  it('get a new date when they are put up again', async () => {
    const { condemned } = test.store;
    const blob = aBlob();
    await condemned.condemn('a', [blob]);
    await condemned.conclude('a', [blob]);
    test.advance(HOUR_MS);

    await condemned.condemn('a', [blob]);

    await expect(condemned.find(blob)).resolves.toStrictEqual({ _id: blob, state: 'removing', at: test.now() });
  });

  it('stand as long as one of several collectors has not concluded, with the date of that one', async () => {
    const { condemned } = test.store;
    const blob = aBlob();
    const first = test.now();
    await condemned.condemn('slow', [blob]);
    test.advance(1_000);
    const second = test.now();
    await condemned.condemn('quick', [blob]);

    const both = await condemned.find(blob);
    await condemned.conclude('quick', [blob]);
    const one = await condemned.find(blob);
    await condemned.conclude('slow', [blob]);
    const none = await condemned.find(blob);

    expect(both).toMatchObject({ state: 'removing', at: second });
    expect(one).toMatchObject({ state: 'removing', at: first });
    expect(none).toMatchObject({ state: 'done', at: second });
  });

  it('are not concluded by a collector that did not put them up, whatever its name', async () => {
    const { condemned } = test.store;
    const blob = aBlob();
    await condemned.condemn('run.1/$a', [blob]);

    for (const other of ['run', 'run.1', 'run%2E1/$a', 'b']) await condemned.conclude(other, [blob]);
    const standing = await condemned.find(blob);
    await condemned.conclude('run.1/$a', [blob]);

    expect(standing).toMatchObject({ state: 'removing' });
    await expect(condemned.find(blob)).resolves.toMatchObject({ state: 'done' });
  });

  it('are put up for the same blobs by several collectors at the same moment', async () => {
    const { condemned } = test.store;
    const names = Array.from({ length: 500 }, aBlob);
    const collectors = Array.from({ length: 8 }, (_, n) => `collector ${n}`);

    await Promise.all(collectors.map((collector) => condemned.condemn(collector, names)));
    await Promise.all(collectors.slice(1).map((collector) => condemned.conclude(collector, names)));
    const standing = await Promise.all(names.map((name) => condemned.find(name)));
    await condemned.conclude('collector 0', names);
    const done = await Promise.all(names.map((name) => condemned.find(name)));

    expect(standing.map((notice) => notice?._id)).toEqual(names);
    expect(new Set(standing.map((notice) => notice?.state))).toEqual(new Set(['removing']));
    expect(new Set(done.map((notice) => notice?.state))).toEqual(new Set(['done']));
  });

  it('are taken down when they were put up before a time, done or not', async () => {
    const own = await aTestStore();
    const { condemned } = own.store;
    const [dead, done, renewed, young] = [aBlob(), aBlob(), aBlob(), aBlob()];
    await condemned.condemn('a', [dead, done, renewed]);
    await condemned.conclude('a', [done, renewed]);
    own.advance(HOUR_MS);
    const before = own.now();
    await condemned.condemn('b', [renewed, young]);

    await expect(condemned.forget(before)).resolves.toBe(2);
    await expect(condemned.forget(before)).resolves.toBe(0);

    const left = await Promise.all([dead, done, renewed, young].map((blob) => condemned.find(blob)));
    expect(left.map((notice) => notice?._id)).toEqual([undefined, undefined, renewed, young]);
    await own.close();
  });

  it('take nothing to put up or conclude none', async () => {
    const { condemned } = test.store;

    await expect(condemned.condemn('a', [])).resolves.toBeUndefined();
    await expect(condemned.conclude('a', [])).resolves.toBeUndefined();
  });
});

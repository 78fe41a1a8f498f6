import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { mediaIdOf } from '../../../src/domain/ids.js';
import { PROBE_VERSION } from '../../../src/probe/facts.js';
import { createProbeAsset } from '../../../src/probe/probe-asset.js';
import { probeStored } from '../../../src/probe/probe-stored.js';
import type { Probed } from '../../../src/probe/prober.js';
import type { BlobOfMedia } from '../../../src/store/media-store.js';
import { aMediaWrite, anAsset } from '../../support/builders.js';
import { aTestStore, type TestStore } from '../../support/store.js';

let test: TestStore;
beforeAll(async () => {
  test = await aTestStore();
});
afterAll(() => test.close());
beforeEach(async () => {
  await test.database.db.collection('media').deleteMany({});
});

const never = new AbortController().signal;
const FACTS = { width: 36, height: 64, durationSeconds: 2, videoCodec: 'h264' };

/** Answers what it is told by the type of a blob, and notes what it was asked. */
function aFakeProber(answers: Readonly<Record<string, Probed>> = { 'video/mp4': FACTS }) {
  const asked: string[] = [];
  const probe = ({ sha256, mimeType }: BlobOfMedia) => {
    asked.push(sha256);
    return Promise.resolve(answers[mimeType] ?? {});
  };
  return { asked, probe };
}

const store = (externalId: string, asset = anAsset(externalId)) =>
  test.store.media.upsert(aMediaWrite({ projectId: 'p', externalId, asset }));
const assetOf = async (externalId: string) =>
  (await test.store.media.find('p', mediaIdOf('p', 'cms', externalId)))?.asset;

describe('what is known of new bytes', () => {
  it('is probed once, also when another process has probed them', async () => {
    const first = aFakeProber();
    const asset = anAsset('a');
    const probeAsset = createProbeAsset({ prober: first, media: test.store.media });
    const probed = await probeAsset(asset, never);
    expect(probed).toEqual({ ...asset, ...FACTS, probed: PROBE_VERSION });
    await probeAsset(asset, never);
    await store('a', probed);

    const second = aFakeProber();
    const again = await createProbeAsset({ prober: second, media: test.store.media })(asset, never);

    expect(again).toEqual(probed);
    expect(first.asked).toEqual([asset.sha256]);
    expect(second.asked).toEqual([]);
  });

  it.each(['late', 'busy'] as const)('stays as it is when the probe is %s, and is asked for again', async (answer) => {
    const prober = aFakeProber({ 'video/mp4': answer });
    const probeAsset = createProbeAsset({ prober, media: test.store.media });
    const asset = anAsset('a');

    expect(await probeAsset(asset, never)).toBe(asset);
    await probeAsset(asset, never);
    expect(prober.asked).toHaveLength(2);
  });

  it.each([
    ['image/jpeg', PROBE_VERSION],
    ['image/png', PROBE_VERSION],
    ['image/webp', undefined],
    ['application/pdf', undefined],
    ['text/csv', undefined],
  ])('costs %s no probe before its record is written', async (mimeType, probed) => {
    const prober = aFakeProber();
    const asset = anAsset('a', { mimeType });

    const told = await createProbeAsset({ prober, media: test.store.media })(asset, never);

    expect(told.probed).toBe(probed);
    expect(prober.asked).toEqual([]);
  });
});

describe('the background pass', () => {
  const pass = (prober: ReturnType<typeof aFakeProber>, after = '', now = () => 0) =>
    probeStored({ media: test.store.media, prober, now, window: 2 }, after, never);

  it('tells all records of bytes that were never probed, and changes nothing else of them', async () => {
    await store('film');
    await store('other', anAsset('film'));
    await store('text', anAsset('t', { mimeType: 'text/plain' }));
    await store('known', anAsset('k', { ...FACTS, probed: PROBE_VERSION }));
    const before = await test.store.media.find('p', mediaIdOf('p', 'cms', 'film'));
    const prober = aFakeProber();

    expect((await pass(prober)).next).toBe('');

    expect(new Set(prober.asked)).toEqual(new Set([anAsset('film').sha256]));
    const asset = { ...anAsset('film'), ...FACTS, probed: PROBE_VERSION };
    expect(await assetOf('other')).toEqual(asset);
    expect(await test.store.media.find('p', mediaIdOf('p', 'cms', 'film'))).toEqual({ ...before, asset });
    expect(await assetOf('text')).toEqual(anAsset('t', { mimeType: 'text/plain' }));
  });

  it('probes what cannot be read once and never again, and what was busy the next time', async () => {
    await store('late', anAsset('l', { mimeType: 'video/mp4' }));
    await store('busy', anAsset('b', { mimeType: 'audio/mpeg' }));
    const answers = { 'video/mp4': 'late', 'audio/mpeg': 'busy' } as const;

    expect((await pass(aFakeProber(answers))).count).toBe(1);
    const second = aFakeProber(answers);
    await pass(second);

    expect(second.asked).toEqual([anAsset('b').sha256]);
    expect(await assetOf('late')).toMatchObject({ probed: PROBE_VERSION });
  });

  it('ends when its time is over, and the next one continues there', async () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    for (const name of names) await store(name);
    let clock = 0;
    const prober = aFakeProber();

    let runs = 0;
    let next = '';
    do {
      // Each probe takes longer than a run has.
      const ended = await pass(prober, next, () => (clock += 4 * 60_000));
      ({ next } = ended);
      expect(ended.count).toBeLessThan(names.length);
      runs += 1;
    } while (next !== '' || prober.asked.length === 0 || runs < 3);

    while (prober.asked.length < names.length) ({ next } = await pass(prober, next));
    expect([...prober.asked].sort()).toEqual(names.map((name) => anAsset(name).sha256).sort());
  });

  it('leaves deleted media alone', async () => {
    await store('a');
    await test.store.media.remove('p', mediaIdOf('p', 'cms', 'a'), 9);
    const prober = aFakeProber();

    expect(await pass(prober)).toEqual({ count: 0, next: '' });
    expect(prober.asked).toEqual([]);
  });
});

import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pLimit from 'p-limit';
import { createFsBlobStore } from '../../../src/blobs/fs/store.js';
import type { BlobStore } from '../../../src/blobs/blob-store.js';
import { ImportError } from '../../../src/domain/errors.js';
import type { RemovalNoticeStore } from '../../../src/domain/removal-notice.js';
import type { MediaStore } from '../../../src/store/store.js';
import { collectBlobs } from '../../../src/garbage/collect.js';
import { confirmBlob } from '../../../src/garbage/removal-notice.js';
import { garbageLimits } from '../../../src/garbage/find.js';
import { aMediaWrite, anAsset } from '../../support/builders.js';
import { sha256Of, storeBlob } from '../../support/stored-blobs.js';
import { aGarbageRig, DAY_MS, NEVER, setAge, type GarbageRig } from './garbage-rig.js';
import { aGate, everyMerge, runMerged, type Gate } from './merged-steps.js';

/** list, look for references, condemn, look again, look at the age, remove, conclude. */
const COLLECTOR_STEPS = 7;
/** commit the blob, look for a notice, write the media; what a notice leads to is not held. */
const IMPORT_STEPS = 3;
const MERGES = [...everyMerge(COLLECTOR_STEPS, IMPORT_STEPS)];

let rig: GarbageRig;
beforeAll(async () => {
  rig = await aGarbageRig();
});
afterAll(() => rig.close());

interface Protocol {
  readonly condemns: boolean;
  readonly looks: boolean;
}

/** What came of one merge: the import ended well and its blob is there, or is not; or it was told to try again. */
type Outcome = 'stored' | 'told' | 'lost';

let run = 0;

/** Runs a collection and an import of the same bytes, step by step in the order given. */
async function outcomeOf(merge: string, protocol: Protocol): Promise<{ outcome: Outcome; removed: number }> {
  run += 1;
  const root = join(rig.root, `run-${run}`);
  const blobs = createFsBlobStore({ root });
  const body = Buffer.from(`the bytes of run ${run}`);
  const sha256 = sha256Of(body);
  await storeBlob(blobs, body);
  await setAge(join(root, 'sha256', sha256.slice(0, 2), sha256), new Date(rig.now().getTime() - 3 * DAY_MS));

  const [collector, importer] = [aGate(), aGate()];
  const collecting = () => collectBlobs(gatedCollector(blobs, collector, protocol), garbageLimits(90), NEVER);
  const importing = async (gate: Gate): Promise<Outcome> => {
    await gate.step(() => storeBlob(blobs, body));
    const { removalNotices, media } = rig.store;
    try {
      const firstLook = { find: (name: string) => gate.step(() => removalNotices.find(name)) };
      if (protocol.looks) await confirmBlob({ removalNotices: firstLook, blobs }, sha256, NEVER);
    } catch (error) {
      if (!(error instanceof ImportError)) throw error;
      expect(error).toMatchObject({ code: 'storage_failed', retryable: true });
      expect(await media.referenced([sha256])).toEqual(new Set());
      return 'told';
    }
    const asset = { ...anAsset(), sha256, bytes: body.length };
    await gate.step(() => media.upsert(aMediaWrite({ projectId: 'p1', externalId: sha256, asset })));
    expect(await media.referenced([sha256])).toEqual(new Set([sha256]));
    return 'stored';
  };

  const [removed, imported] = await runMerged(merge, { C: [collector, collecting], I: [importer, importing] });
  if (imported === 'told') {
    expect(await importing(aGate({ open: true }))).toBe('stored');
    expect(await blobs.stat(sha256)).toMatchObject({ bytes: body.length });
    return { outcome: 'told', removed: removed.count };
  }
  return { outcome: (await blobs.stat(sha256)) === null ? 'lost' : 'stored', removed: removed.count };
}

/** What the collector works with; each call is a step that waits for its turn. */
function gatedCollector(blobs: BlobStore, gate: Gate, { condemns }: Protocol) {
  const { store, deps } = rig;
  const removalNotices: Pick<RemovalNoticeStore, 'announce' | 'complete' | 'purge'> = {
    announce: (by, names) => gate.step(() => (condemns ? store.removalNotices.announce(by, names) : Promise.resolve())),
    complete: (by, names) => gate.step(() => store.removalNotices.complete(by, names)),
    purge: (before) => store.removalNotices.purge(before),
  };
  const media: Pick<MediaStore, 'referenced'> = {
    referenced: (names) => gate.step(() => store.media.referenced(names)),
  };
  const gatedBlobs = {
    async *listBlobs() {
      yield* await gate.step(async () => {
        const all = [];
        for await (const blob of blobs.listBlobs()) all.push(blob);
        return all;
      });
    },
    stat: (name: string) => gate.step(() => blobs.stat(name)),
    remove: (name: string) => gate.step(() => blobs.remove(name)),
  };
  return { ...deps, blobs: gatedBlobs, media, removalNotices };
}

async function outcomesOf(protocol: Protocol) {
  const outcomes: Record<Outcome, string[]> = { stored: [], told: [], lost: [] };
  let removals = 0;
  // Runs share nothing but the database; an import that waits for a notice does not hold up the others.
  const limit = pLimit(8);
  const check = async (merge: string) => {
    const { outcome, removed } = await outcomeOf(merge, protocol);
    outcomes[outcome].push(merge);
    removals += removed;
  };
  await Promise.all(MERGES.map((merge) => limit(check, merge)));
  return { ...outcomes, removals };
}

describe('a collection and an import of the same bytes, in every order of their steps', () => {
  it('never leave a media without its blob: either it is there, or the import is told to try again, and succeeds', async () => {
    const { stored, told, lost, removals } = await outcomesOf({ condemns: true, looks: true });

    expect(stored.length + told.length + lost.length).toBe(120);
    expect(lost).toEqual([]);
    // The orders do meet in the middle: some imports lose their blob, and some collections remove one.
    expect(told.length).toBeGreaterThan(0);
    expect(removals).toBeGreaterThan(told.length);
  });

  it('would lose a blob if the collector did not condemn it first', async () => {
    const { lost } = await outcomesOf({ condemns: false, looks: true });

    expect(lost).not.toEqual([]);
  });

  it('would lose a blob if the import did not look for a notice', async () => {
    const { lost } = await outcomesOf({ condemns: true, looks: false });

    expect(lost).not.toEqual([]);
  });
});

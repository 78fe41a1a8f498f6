import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFsBlobStore } from '../../../src/blobs/fs/store.js';
import type { StoredPart } from '../../../src/blobs/blob-store.js';
import type { Media } from '../../../src/domain/media.js';
import { createStore } from '../../../src/store/open-store.js';
import type { Limits } from '../../servers/hostile-origin/deadlines.js';
import type { Fault } from '../../servers/hostile-origin/fault.js';
import { aTestDatabase } from '../../servers/mongo.js';
import { connectTestTemporal } from '../../servers/temporal.js';
import { openHostileRig, type HostileRig, type Met } from './hostile-rig.js';
import type { HostileWorld } from './hostile-world.js';

export type Mode = 'items' | 'sweeps';

/** For the faults that a time limit ends, ten times in a row. They run alone, so that nothing else looks slow. */
export const QUICK: Limits = {
  resolveMs: 300,
  connectMs: 1_000,
  headersMs: 1_000,
  idleMs: 1_000,
  speedWindowMs: 1_000,
  attemptMs: Infinity,
};

/** For all others: a busy machine must not look like a slow source. */
const PATIENT: Limits = { ...QUICK, connectMs: 60_000, headersMs: 60_000, idleMs: 60_000, speedWindowMs: 60_000 };

/** The default number of attempts, with pauses that a test can wait for. */
export const RETRY = { attempts: 10, initialMs: 5, maxMs: 50 };

/** One is disturbed now and then on a machine that is busy with something else. */
const MOST_IMPORTS = 3;

/** A test does not sit through longer pauses than this; nine of them are made. */
const LONGEST_PAUSE_MS = 5_000;

export const isTooSlowToWatch = ({ asksToWaitMs = 0 }: Fault): boolean => asksToWaitMs > LONGEST_PAUSE_MS;

/** Whether a time limit ends its attempts: the others are over at once, or by a count or size. */
export const isTimed = ({ limit }: Fault): boolean => limit !== undefined && limit !== 'interim' && limit !== 'attempt';

export interface HostileImports {
  readonly met: Readonly<Record<Mode, ReadonlyMap<Fault, Met>>>;
  readonly media: ReadonlyMap<string, Media>;
  /** What the blob store still keeps for later attempts. */
  readonly parts: readonly StoredPart[];
  /** Meets one fault after the other outside of Temporal. */
  readonly byHand: HostileRig;
  readonly root: string;
  readonly store: Awaited<ReturnType<typeof createStore>>;
  close(): Promise<void>;
}

/** Imports every fault twice at the same time: with an activity an item, and by sweeps. */
export async function importHostileFaults(world: HostileWorld, faults: readonly Fault[]): Promise<HostileImports> {
  const root = await mkdtemp(join(tmpdir(), 'hostile-origin-'));
  const database = await aTestDatabase();
  const store = await createStore({ url: database.url, database: database.database });
  const elsewhere = await createStore({ url: database.url, database: `${database.database}_sweeps` });
  const temporal = await connectTestTemporal();
  const blobs = createFsBlobStore({ root });
  const rigs: HostileRig[] = [];
  const open = (name: string, sweepAbove: number, limits: Limits): HostileRig => {
    const { hosts } = sweepAbove === 0 ? elsewhere : store;
    const rig = openHostileRig({ name, world, store, hosts, blobs, limits, retry: RETRY, sweepAbove });
    rigs.push(rig);
    return rig;
  };
  const media = new Map<string, Media>();
  const met: Record<Mode, Map<Fault, Met>> = { items: new Map(), sweeps: new Map() };

  /** An import that the busy machine has disturbed proves nothing, so another one is made. */
  async function importWhole(mode: Mode, some: readonly Fault[], limits: Limits) {
    for (let left = MOST_IMPORTS; left > 0; left -= 1) {
      const rig = open(`${mode}-${rigs.length}`, mode === 'items' ? 200 : 0, limits);
      const all = await rig.importAll(some, temporal);
      if (all !== null) return { rig, all };
    }
    throw new Error(`Each of ${MOST_IMPORTS} imports had an activity whose heartbeats came too late`);
  }

  async function run(mode: Mode, some: readonly Fault[], limits: Limits): Promise<void> {
    const { rig, all } = await importWhole(mode, some, limits);
    for (const [fault, its] of all) {
      met[mode].set(fault, its);
      const { _id, mediaId } = its.item;
      const found = mediaId === undefined ? null : await store.media.find(rig.projectId, mediaId);
      if (found !== null) media.set(_id, found);
    }
  }

  async function close(): Promise<void> {
    await Promise.all(rigs.map((rig) => rig.close()));
    await temporal.close();
    await blobs.close();
    await store.close();
    await elsewhere.close();
    await database.client.db(`${database.database}_sweeps`).dropDatabase();
    await database.close();
    await rm(root, { recursive: true });
  }

  try {
    for (const [some, limits] of [
      [faults.filter(isTimed), QUICK],
      [faults.filter((fault) => !isTimed(fault) && !isTooSlowToWatch(fault)), PATIENT],
    ] as const)
      await Promise.all([run('items', some, limits), run('sweeps', some, limits)]);
    const parts: StoredPart[] = [];
    for await (const part of blobs.listParts()) parts.push(part);
    return { met, media, parts, byHand: open('by-hand', 200, PATIENT), root, store, close };
  } catch (error) {
    await close();
    throw error;
  }
}

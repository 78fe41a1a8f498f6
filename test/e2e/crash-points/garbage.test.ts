import { randomUUID } from 'node:crypto';
import { utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, jest } from '@jest/globals';
import { blobKey } from '../../../src/blobs/blob-key.js';
import type { CrashPoint } from '../../../src/process/crash-hook.js';
import { NOTICE_DEAD_AFTER_MS } from '../../../src/domain/removal-notice.js';
import { WORKFLOWS, type CollectedGarbage } from '../../../src/temporal/names.js';
import { withCrashRig, type CrashRig } from '../../support/crash-rig.js';
import { eventually } from '../../support/eventually.js';
import { answers } from '../../servers/origin-server.js';
import { sha256Of, storeBlob } from '../../support/stored-blobs.js';
import { unsound } from '../../support/unsound.js';

/** A worker that died is noticed after 9 s; the rest is processes that start on a loaded machine. */
jest.setTimeout(1_200_000);

const HOUR_MS = 3_600_000;
/** The server may still have handed the plan of the import to the worker that died: it is given up after 40 s. */
const BLOB_MS = 200_000;
const IMPORTED = Buffer.from('imported again after the crash');
const FORGOTTEN = Buffer.from('never asked for again');

/** Two blobs that nothing refers to and that are older than 48 h. */
async function storeGarbage({ blobs, blobFolder }: CrashRig): Promise<void> {
  const longAgo = new Date(Date.now() - 72 * HOUR_MS);
  for (const body of [IMPORTED, FORGOTTEN]) {
    const { sha256 } = await storeBlob(blobs, body);
    await utimes(join(blobFolder, blobKey(sha256)), longAgo, longAgo);
  }
}

async function isStored({ blobs }: CrashRig, body: Buffer): Promise<boolean> {
  return (await blobs.stat(sha256Of(body))) !== null;
}

const isRecent = (at: Date | undefined): boolean => at !== undefined && at.getTime() > Date.now() - HOUR_MS;

/** What the collector that died has left standing, as if an hour had passed. */
async function letNoticesDie({ collections: { condemned } }: CrashRig): Promise<void> {
  const dead = new Date(Date.now() - NOTICE_DEAD_AFTER_MS - 1);
  for (const { _id, removing } of await condemned.find().toArray()) {
    const aged = Object.fromEntries(Object.keys(removing).map((collector) => [collector, dead]));
    await condemned.updateOne({ _id }, { $set: { at: dead, removing: aged } });
  }
}

/** Collects with a worker that dies at the point, and imports one of the two blobs while the collection is made up for. */
async function collectAndImport(rig: CrashRig, point: CrashPoint, afterDeath: () => Promise<void>): Promise<void> {
  await storeGarbage(rig);
  const [dying] = await Promise.all([rig.start('worker', { CRASH_AT: point }), rig.start('gateway')]);
  const start = { taskQueue: rig.taskQueue, workflowId: `garbage-${randomUUID()}`, args: [{}] };
  const collection = await rig.temporal.workflow.start(WORKFLOWS.collectGarbage, start);
  await dying.killed();
  expect(await rig.collections.condemned.countDocuments({ removing: { $ne: {} } })).toBe(2);
  await afterDeath();

  const url = rig.origin.route('/a', answers.file(IMPORTED, { type: 'text/plain' }));
  const id = await rig.submit([{ url, id: 'a' }]);
  await rig.start('worker');
  const sha256 = sha256Of(IMPORTED);
  await eventually('a blob that looks new', async () => isRecent((await rig.blobs.stat(sha256))?.modifiedAt), BLOB_MS);
  // A dead collector cannot be told from a slow one: until its notice is dead, the import does not trust the blob.
  expect(await rig.items()).toEqual(['a open 0']);
  expect(await rig.collections.media.countDocuments()).toBe(0);
  await letNoticesDie(rig);

  await rig.finished(id);
  // The collection that is made up for may take the blob in the very moment of the import, which then tries again.
  expect((await rig.items()).join()).toMatch(/^a success [12]$/);
  const { blobs } = (await collection.result()) as CollectedGarbage;
  expect(blobs.count).toBeLessThanOrEqual(2);
  expect(await isStored(rig, IMPORTED)).toBe(true);
  expect(await isStored(rig, FORGOTTEN)).toBe(false);
  expect(await unsound(rig)).toEqual([]);
}

describe('a collector that dies', () => {
  it.concurrent('after_condemn_before_remove is made up for, and takes no blob from an import', () =>
    withCrashRig((rig) =>
      collectAndImport(rig, 'after_condemn_before_remove', async () => {
        expect(await isStored(rig, IMPORTED)).toBe(true);
        expect(await isStored(rig, FORGOTTEN)).toBe(true);
      }),
    ),
  );

  it.concurrent('after_remove_before_forget is made up for, and an import stores its blob again', () =>
    withCrashRig((rig) =>
      collectAndImport(rig, 'after_remove_before_forget', async () => {
        expect(await isStored(rig, IMPORTED)).toBe(false);
        expect(await isStored(rig, FORGOTTEN)).toBe(false);
      }),
    ),
  );
});

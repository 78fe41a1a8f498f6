import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it, jest } from '@jest/globals';
import { importWorkflowId } from '../../../src/temporal/names.js';
import { PROJECT, withCrashRig, type CrashRig, type PostedFile } from '../../support/crash-rig.js';
import { eventually } from '../../support/eventually.js';
import { anItem } from '../../support/import-builders.js';
import { answers } from '../../servers/origin-server.js';
import { ndjson, openPost } from '../../support/posted-lines.js';
import { unsound } from '../../support/unsound.js';

/** A key that a dead POST has claimed is held for 60 s. */
jest.setTimeout(1_200_000);

const KEY = 'the key of the client';
/** A claim is good for 60 s, a batch that is being stored counts as abandoned after 5 min. */
const LONG_AGO = () => new Date(Date.now() - 6 * 60_000);

function threeFiles({ origin }: CrashRig): PostedFile[] {
  return ['a', 'b', 'c'].map((id) => ({
    id,
    url: origin.route(`/${id}`, answers.file(Buffer.from(id), { type: 'text/plain' })),
  }));
}

/** Posts to a gateway that dies at the point, and answers when it is dead. A new one is there then. */
async function crashGateway(rig: CrashRig, point: string, files: readonly PostedFile[], key?: string): Promise<void> {
  const dying = await rig.start('gateway', { CRASH_AT: point });
  await expect(rig.post(files, key === undefined ? {} : { key })).rejects.toThrow('fetch failed');
  await dying.killed();
}

/** The batches as `id state`, and how many items there are. */
async function stored({ collections }: CrashRig): Promise<{ states: string[]; items: number; ids: string[] }> {
  const batches = await collections.batches.find().toArray();
  return {
    states: batches.map(({ state }) => state),
    items: await collections.items.countDocuments(),
    ids: batches.map(({ _id }) => _id),
  };
}

/** As if all the time had passed that a claim and a storing batch have. */
async function letTimePass({ collections: { keys, batches } }: CrashRig): Promise<void> {
  await keys.updateMany({}, { $set: { leaseUntil: LONG_AGO() } });
  await batches.updateMany({ state: 'storing' }, { $set: { touchedAt: LONG_AGO() } });
}

/** Posts with the key, again after `Retry-After` while the claim of the POST that died stands, and answers the id. */
async function askAsTold(rig: CrashRig, files: readonly PostedFile[]): Promise<string> {
  for (;;) {
    const { status, headers, text, body } = await rig.post(files, { key: KEY });
    if (status === 200) return (body as { id: string }).id;
    if (status !== 409) throw new Error(`The gateway answered ${status} ${text}`);
    await pause(1000 * Number(headers.get('retry-after')));
  }
}

/** Posts the files as lines, with the key. */
function postLines(rig: CrashRig, files: readonly PostedFile[]): ReturnType<CrashRig['post']> {
  const items = files.map((file) => ({ ...file, fileName: file.id, metadata: {} }));
  const headers = { 'content-type': 'application/x-ndjson', 'idempotency-key': KEY };
  return rig.client().post('/api/v1/import/files', ndjson(items, { systemName: 'crash' }), { headers });
}

/** As `askAsTold`, with lines. */
async function linesAsTold(rig: CrashRig, files: readonly PostedFile[]): Promise<string> {
  for (;;) {
    const { status, headers, text, body } = await postLines(rig, files);
    if (status === 200) return (body as { id: string }).id;
    if (status !== 409) throw new Error(`The gateway answered ${status} ${text}`);
    await pause(1000 * Number(headers.get('retry-after')));
  }
}

/** Whether Temporal knows the workflow of the import. */
async function hasWorkflow({ temporal }: CrashRig, id: string): Promise<boolean> {
  return temporal.workflow
    .getHandle(importWorkflowId(PROJECT, id))
    .describe()
    .then(
      () => true,
      () => false,
    );
}

async function expectAllImportedOnce(rig: CrashRig, id: string): Promise<void> {
  expect(await rig.finished(id)).toMatchObject({ state: 'success', counts: { success: 3, skipped: 0, failed: 0 } });
  expect(await rig.items()).toEqual(['a success 1', 'b success 1', 'c success 1']);
  expect(rig.origin.requests).toHaveLength(3);
  expect(await unsound(rig)).toEqual([]);
}

describe('a gateway that dies', () => {
  it.concurrent('after_claim_before_batch leaves a key that a repeated POST takes over, under an id of its own', () =>
    withCrashRig(async (rig) => {
      const files = threeFiles(rig);
      await crashGateway(rig, 'after_claim_before_batch', files, KEY);
      const claimed = await rig.collections.keys.findOne();
      expect(claimed).toMatchObject({ isComplete: false });
      expect(await stored(rig)).toMatchObject({ states: [], items: 0 });

      await Promise.all([rig.start('gateway'), rig.start('worker')]);
      await letTimePass(rig);
      const id = await askAsTold(rig, files);

      // Under the same id, a POST that was only paused could remove what its successor has stored.
      expect(id).not.toBe(claimed?.batchId);
      await expectAllImportedOnce(rig, id);
    }),
  );

  it.concurrent('after_batch_before_items leaves nothing that stays', () =>
    withCrashRig(async (rig) => {
      await crashGateway(rig, 'after_batch_before_items', threeFiles(rig));
      expect(await stored(rig)).toMatchObject({ states: ['storing'], items: 0 });

      await letTimePass(rig);
      await rig.start('gateway');

      await eventually('an empty database', async () => (await stored(rig)).states.length === 0);
    }),
  );

  it.concurrent('after_items_before_accept leaves items that are removed with their batch', () =>
    withCrashRig(async (rig) => {
      await crashGateway(rig, 'after_items_before_accept', threeFiles(rig));
      const { states, items, ids } = await stored(rig);
      expect({ states, items }).toEqual({ states: ['storing'], items: 3 });

      await letTimePass(rig);
      await rig.start('gateway');

      await eventually('an empty database', async () => (await stored(rig)).states.length === 0);
      expect(await rig.collections.items.countDocuments()).toBe(0);
      expect(await hasWorkflow(rig, ids[0] ?? '')).toBe(false);
    }),
  );

  it.concurrent('after_items_before_accept with a key stores it all anew for the repeated POST', () =>
    withCrashRig(async (rig) => {
      const files = threeFiles(rig);
      await crashGateway(rig, 'after_items_before_accept', files, KEY);
      const { ids } = await stored(rig);

      await letTimePass(rig);
      await Promise.all([rig.start('gateway'), rig.start('worker')]);
      // The gateway that has just started removes half-stored batches as well: the answer is the same, whichever comes first.
      const id = await askAsTold(rig, files);

      expect(ids).not.toContain(id);
      expect(await rig.submit(files, { key: KEY })).toBe(id);
      await expectAllImportedOnce(rig, id);
    }),
  );

  it.concurrent('after_accept_before_start has its import started by another gateway', () =>
    withCrashRig(async (rig) => {
      await crashGateway(rig, 'after_accept_before_start', threeFiles(rig));
      const { states, ids } = await stored(rig);
      expect(states).toEqual(['accepted']);
      expect(await hasWorkflow(rig, ids[0] ?? '')).toBe(false);

      await Promise.all([rig.start('gateway'), rig.start('worker')]);

      await expectAllImportedOnce(rig, ids[0] ?? '');
    }),
  );

  it.concurrent('after_start_before_answer has its import run without it, and its client asks for the id again', () =>
    withCrashRig(async (rig) => {
      const files = threeFiles(rig);
      await crashGateway(rig, 'after_start_before_answer', files, KEY);
      const { states, ids } = await stored(rig);
      expect(states).toEqual(['accepted']);
      expect(await hasWorkflow(rig, ids[0] ?? '')).toBe(true);

      await rig.start('worker');
      await eventually('an end without any gateway', () => rig.collections.batches.findOne({ state: 'success' }));
      await rig.start('gateway');
      expect(await askAsTold(rig, files)).toBe(ids[0]);
      await expectAllImportedOnce(rig, ids[0] ?? '');
    }),
  );

  it.concurrent('after_started_before_key leaves a key that leads to the import', () =>
    withCrashRig(async (rig) => {
      const files = threeFiles(rig);
      await crashGateway(rig, 'after_started_before_key', files, KEY);
      const { states, ids } = await stored(rig);
      expect(states).toEqual(['started']);
      expect(await rig.collections.keys.findOne()).toMatchObject({ isComplete: false });

      await Promise.all([rig.start('gateway'), rig.start('worker')]);
      await letTimePass(rig);

      expect(await rig.submit(files, { key: KEY })).toBe(ids[0]);
      await expectAllImportedOnce(rig, ids[0] ?? '');
    }),
  );

  it.concurrent('after_key_before_answer gives its client the same id at once', () =>
    withCrashRig(async (rig) => {
      const files = threeFiles(rig);
      await crashGateway(rig, 'after_key_before_answer', files, KEY);
      const { ids } = await stored(rig);
      expect(await rig.collections.keys.findOne()).toMatchObject({ isComplete: true });

      await Promise.all([rig.start('gateway'), rig.start('worker')]);

      expect(await rig.submit(files, { key: KEY })).toBe(ids[0]);
      await expectAllImportedOnce(rig, ids[0] ?? '');
    }),
  );

  it.concurrent(
    'with lines: after_items_before_accept leaves nothing that stays, and a repeated POST stores it anew',
    () =>
      withCrashRig(async (rig) => {
        const files = threeFiles(rig);
        const dying = await rig.start('gateway', { CRASH_AT: 'after_items_before_accept' });
        await expect(postLines(rig, files)).rejects.toThrow('fetch failed');
        await dying.killed();
        const { states, items, ids } = await stored(rig);
        expect({ states, items }).toEqual({ states: ['storing'], items: 3 });
        expect(await rig.collections.keys.findOne()).toMatchObject({ isComplete: false });

        await letTimePass(rig);
        await Promise.all([rig.start('gateway'), rig.start('worker')]);
        const id = await linesAsTold(rig, files);

        await eventually('no trace of the first', async () => (await rig.collections.batches.countDocuments()) === 1);
        expect(await rig.collections.items.countDocuments({ batchId: ids[0] ?? '' })).toBe(0);
        expect(await linesAsTold(rig, files)).toBe(id);
        await expectAllImportedOnce(rig, id);
      }),
  );

  it.concurrent('with lines: after_start_before_answer has its import run, and its client asks for the id again', () =>
    withCrashRig(async (rig) => {
      const files = threeFiles(rig);
      const dying = await rig.start('gateway', { CRASH_AT: 'after_start_before_answer' });
      await expect(postLines(rig, files)).rejects.toThrow('fetch failed');
      await dying.killed();
      const { ids } = await stored(rig);

      await letTimePass(rig);
      await Promise.all([rig.start('gateway'), rig.start('worker')]);

      expect(await linesAsTold(rig, files)).toBe(ids[0]);
      await expectAllImportedOnce(rig, ids[0] ?? '');
    }),
  );

  it.concurrent('while lines arrive leaves a part of them that is removed', () =>
    withCrashRig(async (rig) => {
      const dying = await rig.start('gateway');
      const { origin, token } = rig.client();
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/x-ndjson' };
      const posted = openPost(`${origin}/api/v1/import/files`, headers);
      await posted.send(ndjson(Array.from({ length: 1_500 }, (_, index) => anItem(`half-${index}`))));
      await eventually('items of half a batch', async () => (await stored(rig)).items === 1_000);
      await dying.kill();

      await letTimePass(rig);
      await rig.start('gateway');

      await eventually('an empty database', async () => (await stored(rig)).states.length === 0);
      expect(await rig.collections.items.countDocuments()).toBe(0);
    }),
  );
});

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { runCli } from '../../../src/cli/run-cli.js';
import { GARBAGE_WORKFLOW_NOW } from '../../../src/temporal/names.js';
import { fakeActivities } from '../../support/fake-activities.js';
import { connectTestTemporal, type TestTemporal } from '../../servers/temporal.js';
import { withWorkflowWorker } from '../../support/workflow-worker.js';
import { aGarbageRig, HOUR_MS, type GarbageRig } from './garbage-rig.js';

let rig: GarbageRig;
let temporal: TestTemporal;
let env: NodeJS.ProcessEnv;
beforeAll(async () => {
  rig = await aGarbageRig();
  temporal = await connectTestTemporal();
  const { url, database } = rig.testStore.database;
  env = {
    MONGODB_URL: url,
    MONGODB_DATABASE: database,
    BLOB_STORE_URL: `file:${rig.root}`,
    DATA_DIR: rig.root,
    TEMPORAL_ADDRESS: temporal.address,
  };
});
afterAll(async () => {
  await temporal.close();
  await rig.close();
});

async function gc(args: readonly string[], changes: NodeJS.ProcessEnv = {}) {
  const printed: string[] = [];
  const complaints: string[] = [];
  const context = {
    env: { ...env, ...changes },
    print: (line: string) => printed.push(line),
    complain: (line: string) => complaints.push(line),
  };
  return { code: await runCli(['gc', ...args], context), printed, complaints };
}

describe('gc --dry-run', () => {
  it('lists what a run would remove, ends with the totals, and removes nothing', async () => {
    const orphan = await rig.blob('orphan', 72 * HOUR_MS);
    await rig.media(await rig.blob('kept', 72 * HOUR_MS));

    const first = await gc(['--dry-run']);
    const second = await gc(['--dry-run', '--json']);

    expect(first).toMatchObject({ code: 0, complaints: [] });
    expect(first.printed).toEqual([
      expect.stringMatching(`^blob\t${orphan}\t6\t3d$`),
      'A run would remove 1 blob (6 bytes), 0 parts (0 bytes), 0 imports and 0 idempotency keys',
    ]);
    expect(second.printed.map((line) => JSON.parse(line) as unknown)).toEqual([
      { kind: 'blob', name: orphan, bytes: 6, ageMs: expect.any(Number) as unknown },
      {
        kind: 'total',
        blobs: { count: 1, bytes: 6 },
        parts: { count: 0, bytes: 0 },
        batches: 0,
        idempotencyKeys: 0,
      },
    ]);
    expect(await rig.blobs.stat(orphan)).not.toBeNull();
  });

  it('says what to do when there is no database to look at', async () => {
    const { code, complaints } = await gc(['--dry-run'], { MONGODB_URL: '' });

    expect(code).toBe(1);
    expect(complaints.join()).toContain('run start first, or set MONGODB_URL');
  });
});

describe('gc', () => {
  it('has a worker collect and prints what it removed, and refuses a second one meanwhile', async () => {
    let begin = (): void => undefined;
    let release = (): void => undefined;
    const begun = new Promise<void>((resolve) => (begin = resolve));
    const held = new Promise<void>((resolve) => (release = resolve));
    const collectBlobs = async () => {
      begin();
      await held;
      return { count: 2, bytes: 20 };
    };

    await withWorkflowWorker(temporal, { ...fakeActivities({ itemCount: 0 }), collectBlobs }, async (taskQueue) => {
      const onQueue = { TEMPORAL_TASK_QUEUE: taskQueue };
      const first = gc([], onQueue);
      await begun;

      expect(await gc([], onQueue)).toEqual({
        code: 1,
        printed: [],
        complaints: [`A collection is still running: workflow ${GARBAGE_WORKFLOW_NOW}`],
      });

      release();
      expect(await first).toMatchObject({
        code: 0,
        printed: ['Removed 2 blobs (20 bytes), 1 part (5 bytes), 1 import (10 items) and 3 idempotency keys'],
      });
      const json = await gc(['--json'], onQueue);
      expect(JSON.parse(json.printed[0] ?? '')).toMatchObject({ blobs: { count: 2, bytes: 20 }, items: 10 });
    });
  });

  it('ends with 1 when the collection is terminated, and when Temporal is away', async () => {
    let begin = (): void => undefined;
    const begun = new Promise<void>((resolve) => (begin = resolve));
    let tries = 0;
    const collectBlobs = () => {
      tries += 1;
      // The other activities have ended by the time of the second try.
      if (tries === 2) begin();
      return Promise.reject(new Error('Never done'));
    };

    await withWorkflowWorker(temporal, { ...fakeActivities({ itemCount: 0 }), collectBlobs }, async (taskQueue) => {
      const running = gc([], { TEMPORAL_TASK_QUEUE: taskQueue });
      await begun;
      await temporal.client.workflow.getHandle(GARBAGE_WORKFLOW_NOW).terminate();

      const { code, complaints } = await running;
      expect(code).toBe(1);
      expect(complaints.at(-1)).toBe(`The collection did not end well: workflow ${GARBAGE_WORKFLOW_NOW}`);
    });
    const away = await gc([], { TEMPORAL_ADDRESS: '127.0.0.1:1' });
    expect(away).toMatchObject({ code: 1, complaints: ['Temporal cannot be reached at 127.0.0.1:1'] });
  });
});

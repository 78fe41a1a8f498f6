import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { ActivityDeps } from '../../../activities/deps.js';
import type { Activities } from '../../../src/temporal/activity-api.js';
import type { Batch } from '../../../src/domain/import.js';
import { ImportError } from '../../../src/domain/errors.js';
import type { FetchRequest, Fetched } from '../../../src/download/source.js';
import { importWorkflowId, WORKFLOWS } from '../../../src/temporal/names.js';
import { runWorkers } from '../../../src/process/task-queues.js';
import type { importBatch } from '../../../workflows/import-batch.js';
import { aFetch, anActivityBench, type ActivityBench } from '../../support/activity-bench.js';
import { anItemSpec } from '../../support/builders.js';
import { eventually } from '../../support/eventually.js';
import { aTaskQueue, connectTestTemporal, type TestTemporal } from '../../servers/temporal.js';
import { aWorkerProcess } from '../../support/workflow-worker.js';

const QUICK = { attempts: 3, initialMs: 50, maxMs: 200 };
/** Nothing of a host that rests for so long happens within a test. */
const PATIENT = { attempts: 3, initialMs: 600_000, maxMs: 600_000 };

let temporal: TestTemporal;
let bench: ActivityBench;
beforeAll(async () => {
  temporal = await connectTestTemporal();
});
afterEach(() => bench.close());
afterAll(() => temporal.close());

const open = async (answer: (request: FetchRequest) => Promise<Fetched>, changes: Partial<ActivityDeps>) => {
  bench = await anActivityBench(answer, changes);
  return bench;
};

/** Items of these hosts, one after the other. */
const specsOf = (...counts: (readonly [host: string, count: number])[]) =>
  counts
    .flatMap(([host, count]) => Array<string>(count).fill(host))
    .map((host, seq) => anItemSpec(seq, { host, url: `https://${host}/${seq}.mp4` }));

const hostOf = ({ url }: FetchRequest) => new URL(url).hostname;
const refused = () => new ImportError('connect_failed', 'The connection was refused', { stage: 'connect' });

function start(taskQueue: string, { projectId, _id: batchId, kind, itemCount }: Batch) {
  return temporal.client.workflow.start<typeof importBatch>(WORKFLOWS.importBatch, {
    taskQueue,
    workflowId: importWorkflowId(projectId, batchId),
    args: [{ projectId, batchId, kind, itemCount }],
  });
}

describe('two workers', () => {
  it.each([
    ['pages', 0],
    ['an activity for each item', 200],
  ])('keep the limit of a host together, and both get slots, with %s', async (_how, sweepAbove) => {
    let [now, most] = [0, 0];
    await open(
      async () => {
        most = Math.max(most, ++now);
        await pause(20);
        now -= 1;
        return aFetch();
      },
      { retry: QUICK, sweepAbove, sweepPage: 10 },
    );
    const began: [number, number] = [0, 0];
    const counting = (activities: Activities, index: 0 | 1): Activities => ({
      ...activities,
      sweepPage: (input) => {
        began[index] += 1;
        return activities.sweepPage(input);
      },
      importItem: (input) => {
        began[index] += 1;
        return activities.importItem(input);
      },
    });
    const batches = [await bench.batch({}, specsOf(['h', 90])), await bench.batch({}, specsOf(['h', 90]))];
    // Each worker has an import of its own, so that it is known which of them works.
    const queues = [aTaskQueue(), aTaskQueue()] as const;
    const workers = await Promise.all([
      aWorkerProcess(temporal, queues[0], counting(bench.activities, 0)),
      aWorkerProcess(temporal, queues[1], counting(bench.another(), 1)),
    ]);

    await runWorkers(workers.flat(), () =>
      Promise.all(batches.map(async (batch, index) => (await start(queues[index === 0 ? 0 : 1], batch)).result())),
    );

    for (const { _id } of batches) expect(await bench.store.items.totals(_id)).toMatchObject({ success: 90 });
    // 8 of each worker, of 16 in all.
    expect(most).toBeGreaterThan(8);
    expect(most).toBeLessThanOrEqual(16);
    expect(Math.min(...began)).toBeGreaterThan(0);
  });
});

describe.each([
  ['pages', 0],
  ['an activity for each item', 200],
])('a host that fails, with %s', (_how, sweepAbove) => {
  it('holds up no other host and no activity while it rests', async () => {
    const answer = (request: FetchRequest) =>
      hostOf(request) === 'ill' ? Promise.reject(refused()) : Promise.resolve(aFetch());
    const { store } = await open(answer, { retry: PATIENT, sweepAbove, sweepPage: 10 });
    const batch = await bench.batch({}, specsOf(['ill', 60], ['well', 60]));
    const taskQueue = aTaskQueue();
    const workers = await aWorkerProcess(temporal, taskQueue, bench.activities);

    await runWorkers(workers, async () => {
      const handle = await start(taskQueue, batch);
      await eventually('all items of the other host', async () => (await store.items.totals(batch._id)).success === 60);
      const idle = await eventually('a workflow that only waits', async () => {
        const { raw } = await handle.describe();
        return (raw.pendingActivities ?? []).length === 0 && raw;
      });
      expect(idle.pendingActivities).toEqual([]);
      await handle.terminate();
    });

    const found = await store.hosts.find('ill');
    expect(found?.circuits).toMatchObject([{ projectId: batch.projectId, code: 'connect_failed', pauses: 1 }]);
    expect(await store.items.totals(batch._id)).toMatchObject({ open: 60, success: 60 });
  });

  it('is asked for all items again after its probe when it has recovered', async () => {
    let isDown = true;
    const { store, fetched } = await open(() => (isDown ? Promise.reject(refused()) : Promise.resolve(aFetch())), {
      retry: { ...QUICK, attempts: 50 },
      sweepAbove,
      sweepPage: 10,
    });
    const batch = await bench.batch({}, specsOf(['ill', 60]));
    const taskQueue = aTaskQueue();
    const workers = await aWorkerProcess(temporal, taskQueue, bench.activities);

    await runWorkers(workers, async () => {
      const handle = await start(taskQueue, batch);
      await eventually('some pauses', async () => ((await store.hosts.find('ill'))?.circuits[0]?.pauses ?? 0) >= 3);
      isDown = false;
      await handle.result();
    });

    expect(await store.items.totals(batch._id)).toMatchObject({ success: 60, failed: 0 });
    expect((await store.hosts.find('ill'))?.circuits).toEqual([]);
    // Those under way when it began to fail, one for each pause, and each item once more.
    expect(fetched.length).toBeLessThan(60 + 50);
  });

  it('ends 300 items in the time of one when it stays dead', async () => {
    const { store, fetched } = await open(() => Promise.reject(refused()), {
      retry: QUICK,
      sweepAbove: sweepAbove * 2,
    });
    const batch = await bench.batch({}, specsOf(['ill', 300]));
    const taskQueue = aTaskQueue();
    const workers = await aWorkerProcess(temporal, taskQueue, bench.activities);

    await runWorkers(workers, async () => (await start(taskQueue, batch)).result());

    expect(await store.items.totals(batch._id)).toMatchObject({ failed: 300, open: 0 });
    expect(fetched.length).toBeLessThan(60);
    const items = await store.items.list(batch._id, { afterSeq: -1, limit: 300 });
    expect(items.every(({ code }) => code === 'connect_failed')).toBe(true);
    expect(
      items.filter(({ reason }) =>
        /^ill has not answered since .*; 3 attempts by different items failed$/.test(reason ?? ''),
      ).length,
    ).toBeGreaterThan(250);
  });
});

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { withHeartbeat } from '../../activities/deps.js';
import type { SweepPageInput, SweepResult } from '../../src/temporal/activity-api.js';
import { importWorkflowId } from '../../src/temporal/names.js';
import { createTemporalWorkflows } from '../../src/temporal/client.js';
import { runWorkers } from '../../src/process/task-queues.js';
import { aFetch, anActivityBench, type ActivityBench } from '../support/activity-bench.js';
import { aProjectId, itemSpecs } from '../support/builders.js';
import { eventually } from '../support/eventually.js';
import { aTaskQueue, connectTestTemporal, type TestTemporal } from '../servers/temporal.js';
import { aWorkerProcess } from '../support/workflow-worker.js';

/** Slots for pages of the one worker: what waits for them waits at the server. */
const PAGES = 2;

/** A loaded machine takes its time; nothing is measured here. */
const LOADED_MS = 120_000;

let temporal: TestTemporal;
let bench: ActivityBench;
beforeAll(async () => {
  temporal = await connectTestTemporal();
  bench = await anActivityBench(() => Promise.resolve(aFetch()));
});
afterAll(async () => {
  await bench.close();
  await temporal.close();
});

/** Lets a page end only when it is told to: order is counted in pages, not in seconds. */
class Gate {
  started = 0;
  private isOpen = false;
  private readonly held: (() => void)[] = [];
  readonly sweepPage = async (input: SweepPageInput): Promise<SweepResult> => {
    this.started += 1;
    if (!this.isOpen) await withHeartbeat(() => new Promise<void>((resolve) => this.held.push(resolve)));
    return bench.activities.sweepPage(input);
  };
  /** Ends a page if pages hold all slots, so that whatever waits at the server is offered exactly one. */
  endOne(): void {
    if (this.held.length === PAGES) this.held.shift()?.();
  }
  open(): void {
    this.isOpen = true;
    for (const resolve of this.held.splice(0)) resolve();
  }
}

describe('a small import of one project behind 20 large ones of another', () => {
  it('is done while at most a page for each of its steps is begun', async () => {
    const taskQueue = aTaskQueue();
    const workflows = createTemporalWorkflows({ client: temporal.client, taskQueue });
    const gate = new Gate();
    const [large, small] = [aProjectId(), aProjectId()];
    const start = async (projectId: string, count: number) => {
      const { _id: batchId, kind, itemCount } = await bench.batch({ projectId }, itemSpecs(count));
      await workflows.start({ projectId, batchId, kind, itemCount }, 3);
      return temporal.client.workflow.getHandle(importWorkflowId(projectId, batchId));
    };
    const activities = { ...bench.activities, sweepPage: gate.sweepPage };
    const workers = await aWorkerProcess(temporal, taskQueue, activities, { pages: PAGES });

    await runWorkers(workers, async () => {
      const many = await Promise.all(Array.from({ length: 20 }, () => start(large, 250)));
      // Every batch has been planned: 100 pages wait, but for those that run.
      const waiting = async () => {
        gate.endOne();
        const runs = await Promise.all(many.map((handle) => handle.describe()));
        return runs.every(({ raw }) =>
          (raw.pendingActivities ?? []).some((each) => each.activityType?.name === 'sweepPage'),
        );
      };
      await eventually('20 batches with pages that wait', waiting, LOADED_MS);
      const before = gate.started;
      const handle = await start(small, 10);
      await eventually(
        'an end of the small import',
        async () => {
          const { status, raw } = await handle.describe();
          if ((raw.pendingActivities ?? []).length > 0) gate.endOne();
          return status.name !== 'RUNNING';
        },
        LOADED_MS,
      );
      const begun = gate.started - before;
      gate.open();
      await Promise.all(many.map((each) => each.terminate()));

      expect(await handle.result()).toMatchObject({ state: 'success', counts: { success: 10 } });
      // Nothing of it waits for a page to end; pages that end while it runs are followed by others.
      expect(begun).toBeLessThanOrEqual(4 + PAGES);
    });
  }, 240_000);
});

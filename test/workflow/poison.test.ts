import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { runWorkers } from '../../src/process/task-queues.js';
import { aFlowRig, type FlowRig } from '../support/flow-rig.js';
import { connectTestTemporal, type TestTemporal } from '../servers/temporal.js';

/** Each death is noticed after nine seconds, and a new process takes some to start. */
const TEST_MS = 600_000;

let temporal: TestTemporal;
let rig: FlowRig;
beforeAll(async () => {
  temporal = await connectTestTemporal();
});
beforeEach(async () => {
  rig = await aFlowRig(temporal, { kinds: ['control', 'webhooks'] });
});
afterEach(() => rig.close());
afterAll(() => temporal.close());

/** A worker process that is started again whenever it dies, as a supervisor does. */
function superviseWorker() {
  const main = fileURLToPath(new URL('../support/poisoned-worker.ts', import.meta.url));
  const given = JSON.stringify({ ...rig.world, taskQueue: rig.taskQueue, temporal: temporal.address });
  let deaths = 0;
  let isOver = false;
  let child: ChildProcess;
  const start = (): void => {
    child = spawn(process.execPath, ['--import', 'tsx', main, given], { stdio: ['ignore', 'ignore', 'inherit'] });
    child.once('exit', () => {
      if (isOver) return;
      deaths += 1;
      start();
    });
  };
  start();
  return {
    get deaths() {
      return deaths;
    },
    stop: async () => {
      isOver = true;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
  };
}

const urls = (host: string, count: number) =>
  Array.from({ length: count }, (_, index) => rig.urlOf(host, `file-${index}`));

describe('an item that ends every worker that tries it', () => {
  it.each([
    ['alone, in a small import', 5],
    ['in a page, among many', 230],
  ])(
    'fails in the end with a code of its own, and all others succeed: %s',
    async (_where, others) => {
      await runWorkers(rig.workers, async () => {
        const worker = superviseWorker();
        try {
          const poisoned = await rig.post([
            ...urls('first.example.com', others),
            rig.urlOf('bad.example.com', 'poison'),
          ]);
          const healthy = await rig.post(urls('second.example.com', 20));
          await healthy.finished(TEST_MS);
          await poisoned.finished(TEST_MS);

          expect(await healthy.count('success')).toBe(20);
          expect(await poisoned.count('success')).toBe(others);
          expect(await poisoned.settled('bad.example.com')).toMatchObject([{ code: 'worker_crashed' }]);
          expect(worker.deaths).toBeLessThanOrEqual(8);
        } finally {
          await worker.stop();
        }
      });
    },
    TEST_MS,
  );
});

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import type { Bench } from '../setup/with-bench.js';
import type { Contender } from './contender.js';
import { forkRunner } from './fork-runner.js';
import { historyCost } from './history-cost.js';
import { NAIVE_TASK_QUEUE } from './naive-task-queue.js';
import type { NaiveInput } from './naive-workflow.js';
import { NAIVE } from './names.js';
import { seconds } from './seconds.js';
import { workSettings } from './work-settings.js';

/** Both give every lane an activity at any time; a workflow with more lanes spends its time in its own tasks. */
const WORKFLOWS = 2;

/** (b) One activity for every item, as Temporal is used at first: two workflows with 50 lanes each. */
export async function startNaive(bench: Bench): Promise<Contender> {
  const settings = workSettings(bench, 'naive');
  const codePath = join(bench.dataDir, 'naive-workflow.js');
  await bundleTo(codePath);
  const runner = await forkRunner('naive-process.ts', { ...settings, temporal: bench.temporal, codePath });
  bench.cleanup.add(() => runner.close());
  const connection = await Connection.connect({ address: bench.temporal });
  bench.cleanup.add(() => connection.close());
  const client = new Client({ connection });
  const { temporal = 0, mongodb = 0, origin = 0 } = bench.pids;
  return {
    name: NAIVE,
    description: 'Temporal, one regular activity for every item, two workflows with 50 lanes each',
    pids: { worker: runner.pid, temporal, mongodb, origin },
    blobs: settings.root,
    async run(run) {
      const ids = Array.from({ length: WORKFLOWS }, (_, index) => `bench/${run.name}/${index}`);
      const took = await seconds(() =>
        Promise.all(
          ids.map((workflowId, index) => {
            const from = Math.floor((run.items * index) / WORKFLOWS);
            const input: NaiveInput = { run, from, to: Math.floor((run.items * (index + 1)) / WORKFLOWS) };
            return client.workflow.execute('importOneByOne', {
              taskQueue: NAIVE_TASK_QUEUE,
              workflowId,
              args: [input],
            });
          }),
        ),
      );
      return { seconds: took, history: () => historyCost(client, ids) };
    },
  };
}

/** Here and not in the worker, whose memory is measured: the bundler takes hundreds of MiB. */
async function bundleTo(codePath: string): Promise<void> {
  const workflowsPath = fileURLToPath(new URL('./naive-workflow.ts', import.meta.url));
  const { code } = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('WARN') });
  await writeFile(codePath, code);
}

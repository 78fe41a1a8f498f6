import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { bundleWorkflowCode, DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { DEFAULT_PROJECT } from '../../src/local-stack/project.js';
import { importWorkflowId } from '../../src/temporal/names.js';
import { seconds } from '../figures.js';
import { importThroughService } from '../stack/import-client.js';
import type { Bench } from '../stack/with-bench.js';
import {
  type Contender,
  type HistoryCost,
  jobOf,
  NAIVE,
  SERVICE,
  type WorkSettings,
  workSettings,
} from './contender.js';
import type { NaiveActivities, NaiveInput } from './naive-workflow.js';
import { createItemWork, forkRunner, serveRuns } from './runner.js';

/* The two contenders that use Temporal: the service, and one activity for every item. */

/** Where the workflows and the worker of the naive shape meet, on the same Temporal server as the service. */
const NAIVE_TASK_QUEUE = 'bench-naive';

/** (c) This service, through its HTTP API. */
export async function startService(bench: Bench): Promise<Contender> {
  const connection = await Connection.connect({ address: bench.temporal });
  bench.cleanup.add(() => connection.close());
  const client = new Client({ connection });
  const { api, token, origin } = bench;
  return {
    name: SERVICE,
    description: 'this service, from the POST to the end of the batch',
    pids: bench.pids,
    blobs: join(bench.dataDir, 'blobs'),
    async run(run) {
      const {
        seconds: took,
        importIds,
        posted,
      } = await importThroughService({ api, token, origin: origin.origin, run });
      const workflowIds = importIds.map((id) => importWorkflowId(DEFAULT_PROJECT, id));
      return { seconds: took, history: () => historyCost(client, workflowIds), note: posted };
    },
  };
}

/** Two, so that every lane has an activity at any time: one workflow with 100 lanes would wait for its own workflow tasks. */
const WORKFLOWS = 2;

interface NaiveSettings extends WorkSettings {
  readonly temporal: string;
  /** The bundled workflow. */
  readonly codePath: string;
}

/** (b) One activity for every item, the obvious way to use Temporal: two workflows with 50 lanes each. */
export async function startNaive(bench: Bench): Promise<Contender> {
  const settings = workSettings(bench, 'naive');
  const codePath = join(bench.dataDir, 'naive-workflow.js');
  await bundleTo(codePath);
  const naive: NaiveSettings = { ...settings, temporal: bench.temporal, codePath };
  const runner = await forkRunner(import.meta.url, naive);
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

/**
 * Events and bytes of all runs of these workflows: what continued as new is a run of its own. Asked of each run itself, for the
 * list may be behind. Resolves when the last run of each is closed, which follows the end of the import by some milliseconds.
 */
async function historyCost(client: Client, workflowIds: readonly string[]): Promise<HistoryCost> {
  let events = 0;
  let bytes = 0;
  for (const workflowId of workflowIds) {
    const last = client.workflow.getHandle(workflowId);
    await last.result();
    for (let runId: string | undefined = (await last.describe()).runId; runId !== undefined;) {
      const run = client.workflow.getHandle(workflowId, runId);
      const { historyLength, historySize = 0 } = await run.describe();
      events += historyLength;
      bytes += historySize;
      runId = await previousRun(client, workflowId, runId);
    }
  }
  return { events, bytes };
}

/** The first event of a run names the one that it continues. */
async function previousRun(client: Client, workflowId: string, runId: string): Promise<string | undefined> {
  const { history } = await client.workflowService.getWorkflowExecutionHistory({
    namespace: client.options.namespace,
    execution: { workflowId, runId },
    maximumPageSize: 1,
  });
  const started = history?.events?.[0]?.workflowExecutionStartedEventAttributes;
  return started?.continuedExecutionRunId || undefined;
}

/** The worker of the naive shape, with the limits of the service's worker. Runs come through Temporal, not as messages. */
await serveRuns(import.meta.url, async (argument) => {
  const settings = JSON.parse(argument) as NaiveSettings;
  Runtime.install({ shutdownSignals: [], logger: new DefaultLogger('WARN') });
  const work = await createItemWork(settings);
  const connection = await NativeConnection.connect({ address: settings.temporal });
  const activities: NaiveActivities = {
    importOne: (run, seq) => work.importItem(jobOf(settings.origin, run, seq)),
  };
  const worker = await Worker.create({
    connection,
    taskQueue: NAIVE_TASK_QUEUE,
    workflowBundle: { codePath: settings.codePath },
    activities: { ...activities },
    // As in WORKER_LIMITS of the service: the 100 lanes fit.
    maxConcurrentActivityTaskExecutions: 120,
    maxCachedWorkflows: 100,
  });
  const running = worker.run();
  return {
    run: () => Promise.reject(new Error('Runs are workflows here')),
    async close() {
      worker.shutdown();
      await running;
      await Promise.all([connection.close(), work.close()]);
    },
  };
});

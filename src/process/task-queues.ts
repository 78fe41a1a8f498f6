import { existsSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Worker, type NativeConnection, type WorkerOptions } from '@temporalio/worker';
import type { QueueFacts, WorkerMetrics } from '../telemetry/metrics.js';
import type { Activities } from '../temporal/activity-api.js';
import { TASK_QUEUES, taskQueueOf, type TaskQueueKind } from '../temporal/names.js';

/** How a worker process shares itself out: these hold for each of its task queues. */
const COMMON = {
  // About 1 MiB each: bounds the memory of a worker that has thousands of batches waiting for timers.
  maxCachedWorkflows: 100,
  // Heartbeats every 2 s must really go out every 2 s: they carry cancellations, and their absence a crash.
  maxHeartbeatThrottleInterval: '2 seconds',
  defaultHeartbeatThrottleInterval: '2 seconds',
  // Long enough for small items in flight to settle; what is left is tried again elsewhere at no cost.
  shutdownGraceTime: '5 seconds',
  // An activity that does not listen must not hold up a deploy.
  shutdownForceTime: '15 seconds',
  // No activity is handed over with the answer to a workflow task: it would pass by the order of the queue.
  maxEagerActivityReservationsPerWorkflowTask: 0,
} as const satisfies Partial<WorkerOptions>;

/**
 * Activities that run at a time, by kind. Each kind has a task queue and slots of its own, so that a plan, the end of an import or a
 * webhook never waits behind a download, and small files never wait behind large ones. What waits at Temporal is handed out in
 * order of priority and fairness, and what a worker has taken is not put back: so it takes little.
 */
const WORKER_SLOTS = {
  /** Plans and ends of imports: short steps of the database. */
  control: 20,
  /** A receiver that hangs holds one for 15 s. */
  webhooks: 50,
  /** Single items, two imports at their limit of 50: a few sockets and buffers each, not a thread. */
  items: 100,
  /** Files of any size: with S3 each may hold a part buffer of 8 MiB, 320 MiB in all. */
  downloads: 40,
  /** The four steps of one collection. */
  collection: 4,
} as const satisfies Partial<Record<TaskQueueKind, number>>;

/** Polls that are out at a time: more than one, so that a burst of short activities does not wait for a round trip each. */
const MOST_POLLS = 5;

/**
 * The options of each worker of a process, by the task queue that it serves.
 * @param pages at a time, `WORKER_PAGES`
 * @param workflows the bundle, for the queue that has workflows; and the identity of the process
 */
export function workerOptions(
  base: string,
  pages: number,
  workflows: Pick<WorkerOptions, 'workflowBundle' | 'workflowsPath' | 'identity'>,
): Map<TaskQueueKind, Omit<WorkerOptions, 'connection'>> {
  const slots: Record<TaskQueueKind, number> = { ...WORKER_SLOTS, pages };
  return new Map(
    TASK_QUEUES.map((kind) => [
      kind,
      {
        ...COMMON,
        ...(workflows.identity !== undefined && { identity: workflows.identity }),
        taskQueue: taskQueueOf(base, kind),
        maxConcurrentActivityTaskExecutions: slots[kind],
        maxConcurrentActivityTaskPolls: Math.min(MOST_POLLS, slots[kind]),
        ...(kind === 'control' && workflows),
      },
    ]),
  );
}

/** How the Temporal UI names a worker process: as the SDK does, `pid@host`, which `start` looks for, and by its release. */
export function workerIdentity(): string {
  // Beside src in the sources, one folder further up from what is built.
  const manifest = ['../../package.json', '../../../package.json']
    .map((path) => fileURLToPath(new URL(path, import.meta.url)))
    .find((path) => existsSync(path));
  const { version = 'unknown' } =
    manifest === undefined ? {} : (JSON.parse(readFileSync(manifest, 'utf8')) as { version?: string });
  return `${process.pid}@${hostname()} · durable-import ${version}`;
}

/** The workflow code: bundled by the build, or bundled now when running from sources. */
export function workflowCode(): Pick<WorkerOptions, 'workflowBundle' | 'workflowsPath'> {
  const codePath = fileURLToPath(new URL('../../workflow-bundle.js', import.meta.url));
  if (existsSync(codePath)) return { workflowBundle: { codePath } };
  return { workflowsPath: fileURLToPath(new URL('../../workflows/index.js', import.meta.url)) };
}

/**
 * Creates the workers of a process, one a task queue.
 * @throws whatever `Worker.create` throws
 */
export async function createWorkers(
  connection: NativeConnection,
  namespace: string,
  activities: Partial<Activities>,
  options: ReturnType<typeof workerOptions>,
): Promise<ReadonlyMap<TaskQueueKind, Worker>> {
  const workers = new Map<TaskQueueKind, Worker>();
  for (const [kind, each] of options)
    workers.set(kind, await Worker.create({ connection, namespace, activities: { ...activities }, ...each }));
  return workers;
}

/**
 * Runs all workers until something has settled, or one of them fails: then the others stop as well.
 * @throws whatever a worker or `until` throws
 */
export async function runWorkers<T>(workers: Iterable<Worker>, until: () => Promise<T>): Promise<T> {
  let fail: (reason: unknown) => void = () => undefined;
  const failed = new Promise<never>((_resolve, reject) => {
    fail = reject;
  });
  const ended = Promise.race([until(), failed]);
  const runs = [...workers].map(async (worker) => {
    try {
      await worker.runUntil(ended.catch(() => undefined));
    } catch (error) {
      fail(error);
    }
  });
  await Promise.all(runs);
  return ended;
}

/** ACTIVITY of temporal.api.enums.v1.TaskQueueType. */
const TASK_QUEUE_TYPE_ACTIVITY: number = 2;
/** Monitoring reads metrics every 10 to 60 s, and must not wait for a server that is away. */
const DEADLINE_MS = 1_000;

export interface SlotsToWatch {
  readonly workers: ReadonlyMap<TaskQueueKind, Worker>;
  readonly options: ReturnType<typeof workerOptions>;
  readonly connection: NativeConnection;
  readonly namespace: string;
}

/** Shows in the metrics how full the worker is, and what waits at the server. */
export function watchSlots(metrics: Pick<WorkerMetrics, 'watchSlots'>, watched: SlotsToWatch): void {
  const { workers, options } = watched;
  metrics.watchSlots(() =>
    Promise.all(
      [...workers].map(async ([kind, worker]): Promise<QueueFacts> => {
        const { maxConcurrentActivityTaskExecutions: slots = 0, taskQueue = '' } = options.get(kind) ?? {};
        return {
          kind,
          used: worker.getStatus().numInFlightActivities,
          slots,
          backlog: await backlogOf(watched, taskQueue),
        };
      }),
    ),
  );
}

async function backlogOf({ connection, namespace }: SlotsToWatch, name: string): Promise<QueueFacts['backlog']> {
  try {
    const { stats } = await connection.withDeadline(Date.now() + DEADLINE_MS, () =>
      connection.workflowService.describeTaskQueue({
        ...{ namespace, taskQueue: { name }, reportStats: true },
        // The enumeration is part of @temporalio/proto, which the SDK keeps to itself.
        // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment
        taskQueueType: TASK_QUEUE_TYPE_ACTIVITY,
      }),
    );
    const age = stats?.approximateBacklogAge;
    return {
      count: Number(stats?.approximateBacklogCount ?? 0),
      ageSeconds: Number(age?.seconds ?? 0) + (age?.nanos ?? 0) / 1e9,
    };
  } catch {
    return null;
  }
}

import type { NativeConnection, Worker } from '@temporalio/worker';
import type { TaskQueueKind } from './contract/workflow-names.js';
import type { QueueFacts, WorkerMetrics } from './telemetry/worker-metrics.js';
import type { workerOptions } from './worker-options.js';

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

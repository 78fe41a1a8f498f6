import { Connection } from '@temporalio/client';

/** A service that answers at all answers in milliseconds. */
const PROBE_TIMEOUT_MS = 2_000;

/**
 * Rejects while the gateway cannot be used. The first time it must be ready, servers included; one that comes back while they
 * are away answers that itself, and killing it would not help.
 */
export function createGatewayProbe(api: string): () => Promise<void> {
  let wasReady = false;
  return async () => {
    const path = wasReady ? 'healthz' : 'readyz';
    const response = await fetch(`${api}/${path}`, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
    await response.arrayBuffer();
    if (!response.ok) throw new Error(`The gateway answers with status ${response.status}`);
    wasReady = true;
  };
}

export interface WorkerProbe {
  readonly address: string;
  readonly namespace: string;
  readonly taskQueue: string;
  /** For Temporal Cloud; switches TLS on. */
  readonly apiKey?: string | undefined;
}

/** WORKFLOW and ACTIVITY of temporal.api.enums.v1.TaskQueueType. */
const TASK_QUEUE_TYPES: readonly number[] = [1, 2];

/**
 * Rejects until that process polls for work of both types: a worker that is loaded and connected does nothing yet. The SDK
 * names a worker `pid@host`.
 */
export async function probeWorker(pid: number, { address, namespace, taskQueue, apiKey }: WorkerProbe): Promise<void> {
  const connection = await Connection.connect({
    address,
    connectTimeout: PROBE_TIMEOUT_MS,
    ...(apiKey === undefined ? {} : { apiKey, tls: true }),
  });
  try {
    for (const taskQueueType of TASK_QUEUE_TYPES) {
      const { pollers } = await connection.withDeadline(Date.now() + PROBE_TIMEOUT_MS, () =>
        connection.workflowService.describeTaskQueue({
          namespace,
          taskQueue: { name: taskQueue },
          // The enumeration is part of @temporalio/proto, which the SDK keeps to itself.
          // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment
          taskQueueType,
        }),
      );
      if (!pollers.some(({ identity }) => identity?.startsWith(`${pid}@`)))
        throw new Error('The worker does not ask for work yet');
    }
  } finally {
    await connection.close();
  }
}

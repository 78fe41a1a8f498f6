import { ScheduleAlreadyRunning, type Client, type ScheduleDescription } from '@temporalio/client';
import { LEAST_URGENT } from '../domain/import.js';
import { GARBAGE_SCHEDULE, WORKFLOWS } from './names.js';

/** Creating writes to Temporal's database; the caller tries again. */
const DEADLINE_MS = 5_000;
/** A collection that could not begin in time waits for the next one: garbage does not spoil. Temporal takes no less than 10 s. */
const CATCHUP_MS = 60_000;
/** Two installations on one server must not collect in the same second. */
const LONGEST_JITTER_MS = 10 * 60_000;

export interface GarbageScheduleOptions {
  readonly client: Client;
  readonly taskQueue: string;
  /** Time between two collections, milliseconds; Temporal counts in seconds. */
  readonly everyMs: number;
  /** Another name than `collect-garbage`, for tests that share a server. */
  readonly scheduleId?: string;
}

/**
 * Sees to it that Temporal collects garbage at the given interval, one collection at a time. A Schedule that is there is changed
 * only when it differs, and stays paused when an operator has paused it. Several gateways may do this at once.
 * @throws when Temporal does not answer within 5 seconds, or refuses
 */
export async function ensureGarbageSchedule(options: GarbageScheduleOptions): Promise<void> {
  const { client, scheduleId = GARBAGE_SCHEDULE } = options;
  const wanted = scheduleOf(options);
  await client.connection.withDeadline(Date.now() + DEADLINE_MS, async () => {
    try {
      await client.schedule.create({ scheduleId, ...wanted });
    } catch (error) {
      if (!(error instanceof ScheduleAlreadyRunning)) throw error;
      const handle = client.schedule.getHandle(scheduleId);
      if (isAsWanted(await handle.describe(), wanted)) return;
      await handle.update(({ state }) => ({ ...wanted, state }));
    }
  });
}

type Wanted = ReturnType<typeof scheduleOf>;

function scheduleOf({ taskQueue, everyMs, scheduleId = GARBAGE_SCHEDULE }: GarbageScheduleOptions) {
  const every = Math.round(everyMs / 1_000) * 1_000;
  const jitter = Math.min(LONGEST_JITTER_MS, Math.round(every / 10_000) * 1_000);
  return {
    spec: { intervals: [{ every }], jitter },
    action: {
      type: 'startWorkflow' as const,
      workflowType: WORKFLOWS.collectGarbage,
      workflowId: scheduleId,
      taskQueue,
      args: [{}],
      // Behind every import that waits: garbage does not spoil.
      priority: { priorityKey: LEAST_URGENT },
    },
    policies: { overlap: 'SKIP' as const, catchupWindow: CATCHUP_MS, pauseOnFailure: false },
  };
}

function isAsWanted({ spec, action, policies }: ScheduleDescription, wanted: Wanted): boolean {
  const [interval, ...others] = spec.intervals ?? [];
  return (
    others.length === 0 &&
    interval?.every === wanted.spec.intervals[0]?.every &&
    (spec.jitter ?? 0) === wanted.spec.jitter &&
    action.workflowType === wanted.action.workflowType &&
    action.taskQueue === wanted.action.taskQueue &&
    action.priority?.priorityKey === wanted.action.priority.priorityKey &&
    policies.overlap === wanted.policies.overlap &&
    policies.catchupWindow === wanted.policies.catchupWindow &&
    !policies.pauseOnFailure
  );
}

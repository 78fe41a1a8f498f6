import {
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
  type Client,
} from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { REFUSALS, UPDATES, importWorkflowId, type PauseResult } from './names.js';
import { Outage, type BatchRef } from './outage.js';

/**
 * What became of an update that did not take effect. ended: no run takes it; ending, cancelled: the import refuses it because it is about
 * to end, or is being cancelled; no_answer: no worker has taken it in time, and it may still take effect.
 */
type UpdateRefusal = 'ended' | 'ending' | 'cancelled' | 'no_answer';

/**
 * A worker takes an update within some ten milliseconds, and a second when it is busy. Clients and proxies wait for longer than this; who
 * is told that no worker is there asks again.
 */
const UPDATE_DEADLINE_MS = 5_000;

/** What running imports are told by updates. Every method ends within a few seconds. */
export interface ImportUpdates {
  /** @throws Outage */
  readonly setPaused: (ref: BatchRef, isPaused: boolean) => Promise<'changed' | 'unchanged' | UpdateRefusal>;
  /** Tells a running import to perform a retry that is recorded; told again, it changes nothing. @throws Outage */
  readonly performRetry: (ref: BatchRef, number: number) => Promise<'told' | UpdateRefusal>;
  /** Asks Temporal to cancel the import, whether or not a worker is there. @throws Outage */
  readonly cancel: (ref: BatchRef) => Promise<'asked' | 'ended'>;
}

export function createImportUpdates(client: Client): ImportUpdates {
  const within = <T>(call: () => Promise<T>): Promise<T> =>
    client.connection.withDeadline(Date.now() + UPDATE_DEADLINE_MS, call);
  const handleOf = ({ projectId, batchId }: BatchRef) =>
    client.workflow.getHandle(importWorkflowId(projectId, batchId));

  const refusalOf = (error: unknown): UpdateRefusal => {
    if (error instanceof WorkflowNotFoundError) return 'ended';
    if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) return 'no_answer';
    if (!(error instanceof WorkflowUpdateFailedError)) throw new Outage('temporal', { cause: error });
    const type = error.cause instanceof ApplicationFailure ? error.cause.type : undefined;
    if (type === REFUSALS.cancelled) return 'cancelled';
    if (type === REFUSALS.ending) return 'ending';
    if (type === 'AcceptedUpdateCompletedWorkflow') return 'ended';
    // A worker of an earlier release knows no updates.
    return 'no_answer';
  };

  return {
    async setPaused(ref, isPaused) {
      const name = isPaused ? UPDATES.pause : UPDATES.resume;
      try {
        const { hasChanged } = await within(() => handleOf(ref).executeUpdate<PauseResult, []>(name));
        return hasChanged ? 'changed' : 'unchanged';
      } catch (error) {
        return refusalOf(error);
      }
    },
    async performRetry(ref, number) {
      const options = { args: [number] as [number], updateId: `retry-${number}` };
      try {
        await within(() => handleOf(ref).executeUpdate<boolean, [number]>(UPDATES.retry, options));
        return 'told';
      } catch (error) {
        return refusalOf(error);
      }
    },
    async cancel(ref) {
      try {
        await within(() => handleOf(ref).cancel());
        return 'asked';
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return 'ended';
        throw new Outage('temporal', { cause: error });
      }
    },
  };
}

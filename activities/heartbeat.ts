import { Context } from '@temporalio/activity';

/** Four missed beats and a second make the heartbeat timeout of workflows/activity-options.ts. */
const INTERVAL_MS = 2_000;

/** Tells what the next heartbeats carry: small, and nothing foreign, for operators read it in the Temporal UI. */
export type Beat = (details: unknown) => void;

/**
 * Runs an activity's work while heartbeating. The heartbeat tells the server that the worker lives and tells the worker of a
 * cancellation. The signal aborts on cancellation and on shutdown.
 */
export async function withHeartbeat<T>(work: (signal: AbortSignal, beat: Beat) => Promise<T>): Promise<T> {
  const context = Context.current();
  // A local activity is watched over by the task of its workflow.
  if (context.info.isLocal) return work(context.cancellationSignal, () => undefined);
  let details: unknown = context.info.heartbeatDetails;
  const timer = setInterval(() => {
    context.heartbeat(details);
  }, INTERVAL_MS);
  context.heartbeat(details);
  try {
    return await work(context.cancellationSignal, (latest) => {
      details = latest;
    });
  } finally {
    clearInterval(timer);
  }
}

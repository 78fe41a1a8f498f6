import { Context } from '@temporalio/activity';

/** Four missed beats and a second make the heartbeat timeout of workflows/activity-options.ts. */
const INTERVAL_MS = 2_000;

/**
 * Runs an activity's work while heartbeating. The heartbeat tells the server that the worker lives and tells the worker of a
 * cancellation. The signal aborts on cancellation and on shutdown.
 */
export async function withHeartbeat<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const context = Context.current();
  const timer = setInterval(() => {
    context.heartbeat();
  }, INTERVAL_MS);
  context.heartbeat();
  try {
    return await work(context.cancellationSignal);
  } finally {
    clearInterval(timer);
  }
}

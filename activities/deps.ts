import { Context } from '@temporalio/activity';
import type { BlobStore } from '../src/blobs/blob-store.js';
import type { MediaTypes } from '../src/domain/media.js';
import type { Source } from '../src/download/source.js';
import type { Egress } from '../src/egress/egress.js';
import type { GarbageLimits } from '../src/garbage/find.js';
import type { HostLimiter } from '../src/host-limits/host-limiter.js';
import type { RetryPolicy } from '../src/item/attempt.js';
import type { LongSlots } from '../src/item/single.js';
import type { ProbeAsset } from '../src/probe/probe-asset.js';
import type { Prober } from '../src/probe/prober.js';
import type { Store } from '../src/store/store.js';
import type { Logger } from '../src/telemetry/logger.js';
import type { WorkerMetrics } from '../src/telemetry/metrics.js';

interface WebhookPolicy {
  /** Pause before each attempt, milliseconds; its length is the number of attempts. */
  readonly scheduleMs: readonly number[];
  readonly timeoutMs: number;
}

/** Everything the activities work with, constructed by the worker's composition root. */
export interface ActivityDeps {
  readonly store: Store;
  readonly source: Source;
  readonly blobs: BlobStore;
  readonly egress: Egress;
  readonly mediaTypes: MediaTypes;
  readonly retry: RetryPolicy;
  readonly hosts: HostLimiter;
  readonly longPlaces: LongSlots;
  readonly prober: Prober;
  readonly probeAsset: ProbeAsset;
  /** With more due items than this they are tried in pages. */
  readonly sweepAbove: number;
  /** Items of a page. */
  readonly sweepPage: number;
  readonly webhook: WebhookPolicy;
  readonly garbage: GarbageLimits;
  readonly metrics: WorkerMetrics;
  readonly logger: Logger;
}

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

import type { BlobStore } from '../src/contract/blob-store.js';
import type { Reach } from '../src/contract/crash-points.js';
import type { Egress } from '../src/contract/egress.js';
import type { MediaTypes } from '../src/contract/media-type.js';
import type { Source } from '../src/contract/source.js';
import type { Store } from '../src/contract/store.js';
import type { GarbageLimits } from '../src/garbage/limits.js';
import type { HostGate } from '../src/politeness/host-gate.js';
import type { Logger } from '../src/telemetry/logger.js';
import type { WorkerMetrics } from '../src/telemetry/worker-metrics.js';
import type { RetryPolicy } from '../src/item/retry-policy.js';
import type { LongPlaces } from '../src/item/long-places.js';

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
  readonly hosts: HostGate;
  readonly longPlaces: LongPlaces;
  /** With more due items than this they are tried in pages. */
  readonly sweepAbove: number;
  /** Items of a page. */
  readonly sweepPage: number;
  readonly webhook: WebhookPolicy;
  readonly garbage: GarbageLimits;
  readonly metrics: WorkerMetrics;
  readonly logger: Logger;
  /** Called at every crash point. */
  readonly reach: Reach;
}

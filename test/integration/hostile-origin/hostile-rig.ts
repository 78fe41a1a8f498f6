import { setTimeout as pause } from 'node:timers/promises';
import { pino } from 'pino';
import { createActivities } from '../../../activities/index.js';
import type { RetryPolicy } from '../../../src/item/attempt.js';
import type { Activities } from '../../../src/temporal/activity-api.js';
import { KINDS, type Batch, type Kind } from '../../../src/domain/import.js';
import type { BlobStore } from '../../../src/blobs/blob-store.js';
import type { HostStore } from '../../../src/domain/host.js';
import type { Item } from '../../../src/domain/item.js';
import { defaultMediaTypes } from '../../../src/domain/media-types.js';
import type { Store } from '../../../src/store/store.js';
import { importWorkflowId, WORKFLOWS } from '../../../src/temporal/names.js';
import { createEgress } from '../../../src/egress/create-egress.js';
import { garbageLimits } from '../../../src/garbage/find.js';
import { createLongSlots } from '../../../src/item/single.js';
import { createHostLimiter } from '../../../src/host-limits/host-limiter.js';
import { createSource } from '../../../src/download/fetch.js';
import { createWorkerMetrics } from '../../../src/telemetry/metrics.js';
import { runWorkers } from '../../../src/process/task-queues.js';
import type { importBatch } from '../../../workflows/import-batch.js';
import { WITHOUT_PROBES, aBatch, aProjectId, anItemSpec } from '../../support/builders.js';
import type { Limits } from '../../servers/hostile-origin/deadlines.js';
import type { Fault } from '../../servers/hostile-origin/fault.js';
import { MAX_BYTES } from '../../servers/hostile-origin/faults-of-bodies.js';
import { aTaskQueue, type TestTemporal } from '../../servers/temporal.js';
import { aWorkerProcess } from '../../support/workflow-worker.js';
import type { HostileWorld } from './hostile-world.js';
import { watchTries, type Try } from './watch-tries.js';

/** What became of one fault. */
export interface Met {
  readonly item: Item;
  readonly tries: readonly Try[];
}

interface RigOptions {
  /** Keeps what behaviours remember apart from other rigs in the same world. */
  readonly name: string;
  readonly world: HostileWorld;
  readonly store: Store;
  /** Where it learns how hosts are: two rigs that meet one fault at the same time must not learn from each other. */
  readonly hosts: HostStore;
  readonly blobs: BlobStore;
  readonly limits: Limits;
  readonly retry: RetryPolicy;
  readonly sweepAbove: number;
}

export interface HostileRig {
  readonly projectId: string;
  readonly activities: Activities;
  /** Stores an accepted batch of these faults, which are of one kind. */
  accept(kind: Kind, faults: readonly Fault[]): Promise<Batch>;
  /**
   * Imports the faults, one batch a kind, and answers what became of them; null when a busy machine was so late with a heartbeat that
   * the server began an activity anew: its items were tried more often than their attempts say.
   */
  importAll(faults: readonly Fault[], temporal: TestTemporal): Promise<ReadonlyMap<Fault, Met> | null>;
  close(): Promise<void>;
}

/** A batch takes 20 seconds on an idle machine; whatever takes this long hangs. */
const HANGS_MS = 200_000;

/** @throws Error that tells what a batch still waits for when its time is up */
async function within(ended: Promise<unknown>, waitsFor: () => Promise<unknown>): Promise<void> {
  const limit = new AbortController();
  const late = pause(HANGS_MS, undefined, { signal: limit.signal }).then(async () => {
    throw new Error(`The import hangs at sources of which one ${JSON.stringify(await waitsFor())}`);
  });
  try {
    await Promise.race([ended, late]);
  } finally {
    limit.abort();
    late.catch(() => undefined);
  }
}

/** Below what any good answer of the table reaches, far above what the dripping one does. */
const MIN_BYTES_PER_SECOND = 10_000;

/** A worker with everything real but its limits, which are the ones that configuration allows to make small. */
export function openHostileRig({
  name,
  world,
  store,
  hosts,
  blobs,
  limits,
  retry,
  sweepAbove,
}: RigOptions): HostileRig {
  const { allow, lookup } = world;
  const egress = createEgress({ allow, lookup, connectTimeoutMs: limits.connectMs, hostMaxConnections: 8 });
  const watched = watchTries(
    createSource({
      egress,
      blobs,
      limits: {
        headersTimeoutMs: limits.headersMs,
        idleTimeoutMs: limits.idleMs,
        minSpeedBytesPerSecond: MIN_BYTES_PER_SECOND,
        minSpeedWindowMs: limits.speedWindowMs,
        maxBytes: MAX_BYTES,
        maxRedirects: 5,
      },
    }),
  );
  const metrics = createWorkerMetrics();
  const limiter = createHostLimiter({ store: hosts, policy: retry, sharedMax: 16, ownMax: 8, metrics });
  const activities = createActivities({
    store,
    source: watched.source,
    blobs,
    egress,
    mediaTypes: defaultMediaTypes(),
    hosts: limiter,
    ...WITHOUT_PROBES,
    longPlaces: createLongSlots(),
    retry,
    sweepAbove,
    sweepPage: 50,
    webhook: { scheduleMs: [0], timeoutMs: 5_000 },
    garbage: garbageLimits(90),
    metrics,
    logger: pino({ level: 'silent' }),
  });
  const projectId = aProjectId();

  async function accept(kind: Kind, faults: readonly Fault[]): Promise<Batch> {
    const batch = aBatch({ projectId, kind, systemName: kind, itemCount: faults.length });
    const specs = faults.map((fault, seq) => {
      const url = world.urlOf(fault, `${name}-${kind}`, sweepAbove === 0);
      return anItemSpec(seq, { url, mediaType: kind, host: new URL(url).hostname });
    });
    await store.batches.insert(batch);
    await store.items.insertMany(batch, specs);
    await store.batches.markAccepted(batch._id, { itemCount: specs.length, importSeq: batch.importSeq });
    return batch;
  }

  async function importKind(
    kind: Kind,
    faults: readonly Fault[],
    start: (batch: Batch) => Promise<unknown>,
  ): Promise<(readonly [Fault, Met])[]> {
    if (faults.length === 0) return [];
    const batch = await accept(kind, faults);
    await within(start(batch), async () =>
      (await store.items.openFrom(batch._id, 0, faults.length)).map(({ seq }) => faults[seq]?.source),
    );
    const items = await Promise.all(faults.map((_fault, seq) => store.items.find(batch._id, seq)));
    return faults.map((fault, seq) => {
      const item = items[seq] ?? null;
      if (item === null) throw new Error('The batch has lost an item');
      return [fault, { item, tries: watched.triesOf(item.url) }] as const;
    });
  }

  return {
    projectId,
    activities,
    accept,
    async importAll(faults, temporal) {
      const taskQueue = aTaskQueue();
      const workers = await aWorkerProcess(temporal, taskQueue, activities);
      const disturbed: string[] = [];
      const start = async ({ _id: batchId, kind, itemCount }: Batch): Promise<void> => {
        const handle = await temporal.client.workflow.start<typeof importBatch>(WORKFLOWS.importBatch, {
          taskQueue,
          workflowId: importWorkflowId(projectId, batchId),
          args: [{ projectId, batchId, kind, itemCount }],
        });
        await handle.result();
        const { events } = await handle.fetchHistory();
        const wasRepeated = events?.some((event) => (event.activityTaskStartedEventAttributes?.attempt ?? 1) > 1);
        if (wasRepeated === true) disturbed.push(batchId);
      };
      const kinds = Object.keys(KINDS) as Kind[];
      const ofKind = (kind: Kind): Fault[] => faults.filter((fault) => (fault.kind ?? 'video') === kind);
      const met = await runWorkers(workers, () =>
        Promise.all(kinds.map((kind) => importKind(kind, ofKind(kind), start))),
      );
      return disturbed.length === 0 ? new Map(met.flat()) : null;
    },
    close: async () => {
      await limiter.close();
      await egress.close();
    },
  };
}

import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { pino } from 'pino';
import { createActivities } from '../../activities/index.js';
import type { ActivityDeps } from '../../activities/deps.js';
import type { Activities } from '../../src/temporal/activity-api.js';
import type { Batch } from '../../src/domain/import.js';
import type { BlobStat, BlobStore } from '../../src/blobs/blob-store.js';
import { ImportError } from '../../src/domain/errors.js';
import type { Egress } from '../../src/egress/egress.js';
import type { ItemSpec } from '../../src/domain/item.js';
import { defaultMediaTypes } from '../../src/domain/media-types.js';
import type { FetchRequest, Fetched, NotModified, Source, Validators } from '../../src/download/source.js';
import { openBlobStore } from '../../src/blobs/open-blob-store.js';
import { garbageLimits } from '../../src/garbage/find.js';
import { createLongSlots } from '../../src/item/single.js';
import { createHostLimiter, type HostLimiter } from '../../src/host-limits/host-limiter.js';
import { createWorkerMetrics } from '../../src/telemetry/metrics.js';
import { WITHOUT_PROBES, aBatch, anAsset, itemSpecs } from './builders.js';
import { aTestStore, type TestStore } from './store.js';

export interface ActivityBench {
  readonly store: TestStore['store'];
  /** For a worker of the test's own. */
  readonly activities: Activities;
  readonly hosts: HostLimiter;
  /** The activities of another worker over the same store. */
  another(): Activities;
  /** Runs one activity as a worker would. */
  run<K extends keyof Activities>(
    name: K,
    input: Parameters<Activities[K]>[0],
    runId?: string,
  ): Promise<Awaited<ReturnType<Activities[K]>>>;
  /** A stored, started batch with these items. */
  batch(changes?: Partial<Batch>, specs?: readonly ItemSpec[]): Promise<Batch>;
  /** What the source was asked for. */
  readonly fetched: FetchRequest[];
  /** Keys of the parts that the source was told to drop. */
  readonly discarded: string[];
  /** Moves the clock of the store, which otherwise stands still. */
  advance(ms: number): void;
  /** SHA-256 of blobs that are not there; all others are. */
  readonly lostBlobs: Set<string>;
  close(): Promise<void>;
}

const UNREACHABLE: Egress = {
  request: () => Promise.reject(new Error('This test sends nothing')),
  close: () => Promise.resolve(),
};

/** A blob store that nothing is written to: the source of the bench stores no bytes. */
function blobsExcept(lost: ReadonlySet<string>): BlobStore {
  const stat: BlobStat = { bytes: 1_000, modifiedAt: new Date() };
  return { ...openBlobStore('file:unused'), stat: (sha256) => Promise.resolve(lost.has(sha256) ? null : stat) };
}

/** The activities over a real store and a source of the test's choice. */
export async function anActivityBench(
  answer: (request: FetchRequest) => Promise<Fetched | NotModified>,
  changes: Partial<ActivityDeps> = {},
): Promise<ActivityBench> {
  const testStore = await aTestStore();
  const { store } = testStore;
  const fetched: FetchRequest[] = [];
  const discarded: string[] = [];
  const lostBlobs = new Set<string>();
  const source: Source = {
    fetch: (request) => {
      fetched.push(request);
      return answer(request);
    },
    discardPart: (partKey) => {
      discarded.push(partKey);
      return Promise.resolve();
    },
  };
  const { retry = { attempts: 3, initialMs: 1000, maxMs: 300_000 } } = changes;
  const metrics = createWorkerMetrics();
  const limiters: HostLimiter[] = [];
  const aLimiter = (): HostLimiter => {
    const limiter = createHostLimiter({ store: store.hosts, policy: retry, sharedMax: 16, ownMax: 8, metrics });
    limiters.push(limiter);
    return limiter;
  };
  const hosts = changes.hosts ?? aLimiter();
  const deps: ActivityDeps = {
    store,
    source,
    blobs: blobsExcept(lostBlobs),
    egress: UNREACHABLE,
    mediaTypes: defaultMediaTypes(),
    hosts,
    ...WITHOUT_PROBES,
    longPlaces: createLongSlots(),
    retry,
    sweepAbove: 200,
    sweepPage: 50,
    webhook: { scheduleMs: [0, 60_000, 120_000], timeoutMs: 5_000 },
    garbage: garbageLimits(90),
    metrics,
    logger: pino({ level: 'silent' }),
    ...changes,
  };
  const activities = createActivities(deps);
  return {
    store,
    activities,
    hosts,
    another: () => createActivities({ ...deps, hosts: aLimiter() }),
    fetched,
    discarded,
    lostBlobs,
    advance: (ms) => {
      testStore.advance(ms);
    },
    run: (name, input, runId = 'run-1') => {
      const info = { workflowExecution: { workflowId: 'import/p/b', runId } };
      const activity = activities[name] as (
        given: typeof input,
      ) => Promise<Awaited<ReturnType<Activities[typeof name]>>>;
      return new MockActivityEnvironment(info, { logger: new DefaultLogger('ERROR') }).run(activity, input);
    },
    batch: async (batchChanges = {}, specs = itemSpecs(1)) => {
      const batch = aBatch({ itemCount: specs.length, ...batchChanges });
      await store.batches.insert(batch);
      await store.items.insertMany(batch, specs);
      await store.batches.markAccepted(batch._id, { itemCount: specs.length, importSeq: batch.importSeq });
      await store.batches.markStarted(batch._id, new Date());
      return batch;
    },
    close: async () => {
      await Promise.all(limiters.map((limiter) => limiter.close()));
      await testStore.close();
    },
  };
}

/** What a source answers for good bytes; `content` names them. */
export function aFetch(content = 'a', validators: Validators = {}): Fetched {
  return {
    kind: 'fetched',
    asset: anAsset(content),
    validators,
    httpStatus: 200,
    contentType: 'video/mp4',
    received: 1_000,
  };
}

/** Names an item of a batch in the input of an activity. */
export function refOf({ _id: batchId, projectId }: Pick<Batch, '_id' | 'projectId'>, seq = 0) {
  return { batchId, projectId, seq };
}

/** A source that answers 429 and says when to come back. */
export function limited(retryAfterMs: number): ImportError {
  return new ImportError('rate_limited', 'Source answered 429', { stage: 'headers', httpStatus: 429, retryAfterMs });
}

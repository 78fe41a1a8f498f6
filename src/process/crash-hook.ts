import type { BlobStore, BlobWriter, KeptPart } from '../blobs/blob-store.js';
import type { Source } from '../download/source.js';
import type { Egress } from '../egress/egress.js';
import type { Store } from '../store/store.js';
import type { ImportWorkflows } from '../temporal/client.js';

/*
 * Named places between two effects, where a crash must do no harm. A process that is given one of them as CRASH_AT kills itself
 * there. docs/crash-points.md says what each lies between; test/e2e/crash-points holds what has to be true afterwards.
 *
 * An effect is a call of a port, so the composition roots wrap the ports; the code between two calls knows of no crash point.
 */

export const CRASH_POINTS = [
  'after_claim_before_batch',
  'after_batch_before_items',
  'after_items_before_accept',
  'after_accept_before_start',
  'after_start_before_answer',
  'after_started_before_key',
  'after_key_before_answer',
  'after_checkpoint_before_rest',
  'after_part_before_blob',
  'after_blob_before_media',
  'after_media_before_settle',
  'after_settle_before_complete',
  'after_attempt_before_complete',
  'after_finish_before_complete',
  'before_webhook',
  'after_webhook_before_log',
  'after_log_before_complete',
  'after_condemn_before_remove',
  'after_remove_before_forget',
] as const;

export type CrashPoint = (typeof CRASH_POINTS)[number];

/** Called where the process has come to a crash point; does nothing unless it was told to die there. */
type Reach = (point: CrashPoint) => void;

/**
 * What a process does at its crash points: nothing, or, told to with `point` or `point:n`, die at once as by kill -9 when it comes
 * to that point for the n-th time.
 * @param crashAt the variable CRASH_AT, its form checked by src/config.ts
 * @throws Error when there is no such crash point
 */
export function createReach(crashAt: string | undefined, die: () => void = killOneself): Reach {
  if (crashAt === undefined) return () => undefined;
  const [name = '', nth = '1'] = crashAt.split(':');
  if (!CRASH_POINTS.includes(name as CrashPoint))
    throw new Error(`CRASH_AT: ${name} is not a crash point; there are ${CRASH_POINTS.join(', ')}`);
  let left = Number(nth);
  return (point) => {
    if (point !== name) return;
    left -= 1;
    if (left === 0) die();
  };
}

/** No handler runs, nothing is flushed: kill(2) does not return when a process sends itself SIGKILL. */
function killOneself(): void {
  process.kill(process.pid, 'SIGKILL');
}

/** Wraps ports so that calls of them pass the crash points; without CRASH_AT it hands them back as they are. */
export interface CrashHook {
  /** The store of the gateway's API. The reconciler, which makes up for crashes, keeps the plain one. */
  readonly gatewayStore: (store: Store) => Store;
  /** The workflows of the gateway's API, likewise. */
  readonly workflows: (workflows: ImportWorkflows) => ImportWorkflows;
  /** The store of the activities. */
  readonly workerStore: (store: Store) => Store;
  readonly blobs: (blobs: BlobStore) => BlobStore;
  readonly source: (source: Source) => Source;
  /** The egress of webhooks; the source keeps the plain one. */
  readonly webhookEgress: (egress: Egress) => Egress;
}

/**
 * The crash points of one process.
 * @param crashAt as of `createReach`
 * @throws as `createReach`
 */
export function createCrashHook(crashAt: string | undefined, die?: () => void): CrashHook {
  if (crashAt === undefined) return PLAIN;
  const reach = createReach(crashAt, die);
  const writer = (plain: BlobWriter) => watched(plain, { commit: { before: 'after_part_before_blob' } }, reach);
  const part = (plain: KeptPart) => watched(plain, { resume: { as: writer } }, reach);
  return {
    gatewayStore: (store) => ({
      ...store,
      idempotencyKeys: watched(
        store.idempotencyKeys,
        {
          claim: { after: 'after_claim_before_batch', when: ({ outcome }) => outcome === 'new' },
          complete: { after: 'after_key_before_answer' },
        },
        reach,
      ),
      batches: watched(
        store.batches,
        {
          insert: { after: 'after_batch_before_items' },
          // Items are stored by one call after another; this is the first effect after the last of them.
          nextImportSeq: { before: 'after_items_before_accept' },
          markAccepted: { after: 'after_accept_before_start', when: (isAccepted) => isAccepted },
          markStarted: { after: 'after_started_before_key' },
        },
        reach,
      ),
    }),
    workflows: (workflows) => watched(workflows, { start: { after: 'after_start_before_answer' } }, reach),
    workerStore: (store) => ({
      ...store,
      media: watched(
        store.media,
        {
          upsert: {
            after: 'after_media_before_settle',
            when: ({ result }) => result !== 'stale' && result !== 'kind_conflict',
          },
        },
        reach,
      ),
      items: watched(
        store.items,
        {
          settle: { after: 'after_settle_before_complete' },
          recordAttempt: { after: 'after_attempt_before_complete' },
        },
        reach,
      ),
      batches: watched(store.batches, { finish: { after: 'after_finish_before_complete' } }, reach),
      deliveries: watched(
        store.deliveries,
        // Before the log, and not after the request: a receiver that closes the connection may have the message all the same.
        { record: { before: 'after_webhook_before_log', after: 'after_log_before_complete' } },
        reach,
      ),
      // The blobs of a page are removed side by side; this is the first effect after the last of them.
      removalNotices: watched(store.removalNotices, { complete: { before: 'after_remove_before_forget' } }, reach),
    }),
    blobs: (blobs) =>
      watched(
        blobs,
        {
          createWriter: { as: writer },
          findPart: { as: (found) => found && part(found) },
          remove: { before: 'after_condemn_before_remove' },
        },
        reach,
      ),
    source: (source) => {
      const fetching = watched(source, { fetch: { after: 'after_blob_before_media' } }, reach);
      return {
        fetch: (request) =>
          fetching.fetch({
            ...request,
            onProgress: (progress) => {
              request.onProgress?.(progress);
              if (progress.offset > 0) reach('after_checkpoint_before_rest');
            },
          }),
        discardPart: (partKey) => source.discardPart(partKey),
      };
    },
    webhookEgress: (egress) => watched(egress, { request: { before: 'before_webhook' } }, reach),
  };
}

const PLAIN: CrashHook = {
  gatewayStore: (store) => store,
  workflows: (workflows) => workflows,
  workerStore: (store) => store,
  blobs: (blobs) => blobs,
  source: (source) => source,
  webhookEgress: (egress) => egress,
};

/** The points that a call of a port passes, and what it answers. */
interface Passing<R> {
  /** Passed when the call is about to be made. */
  readonly before?: CrashPoint;
  /** Passed when the call has resolved. */
  readonly after?: CrashPoint;
  /** Whether the answer says that the effect has happened; absent when every answer does. */
  readonly when?: (answer: R) => boolean;
  /** The answer is a port as well, which is wrapped. */
  readonly as?: (answer: R) => R;
}

/** Passings by the methods of a port. */
type Passings<T> = {
  readonly [K in keyof T]?: T[K] extends (...args: never[]) => Promise<infer R> ? Passing<R> : never;
};

/** The port with its crash points: a proxy, because a port may have getters and methods that these points do not know. */
function watched<T extends object>(port: T, passings: Passings<T>, reach: Reach): T {
  return new Proxy(port, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      const call = (...args: unknown[]) => Reflect.apply(member, target, args) as unknown;
      const passing = (passings as Readonly<Record<PropertyKey, Passing<unknown> | undefined>>)[name];
      if (passing === undefined) return call;
      const { before, after, when = () => true, as } = passing;
      return async (...args: unknown[]) => {
        if (before !== undefined) reach(before);
        const answer = await call(...args);
        if (after !== undefined && when(answer)) reach(after);
        return as === undefined ? answer : as(answer);
      };
    },
  });
}

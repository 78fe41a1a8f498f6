import type { ItemSpec } from '../domain/item.js';
import type { Kind } from '../domain/import.js';
import type { BodyRoom } from './body-memory.js';
import type { ImportRequest } from './check-items.js';
import { createLineVerdicts, takeLines, type LinesToTake, type Rejected } from './check-lines.js';
import { createSeenIds } from './distinct-items.js';
import { createAcceptOnce, type Accepted, type Idempotency } from './idempotency.js';
import type { ImportEnvelope, ImportLine } from './request/envelope.js';
import type { RequestRules } from './request/rules.js';
import { createRunBatch, type AcceptDeps, type TakeItems } from './run-import.js';

interface Post {
  readonly projectId: string;
  readonly kind: Kind;
  readonly envelope: ImportEnvelope;
  /** Whether the token lets the batch pass those of other projects. */
  readonly mayBeUrgent: boolean;
  readonly idempotency?: Idempotency;
}

/** What all formats share: under which id a batch runs, if it has to. A replay of unknown hash is read and not stored. */
function createAccept(deps: AcceptDeps): (post: Post, take: TakeItems) => Promise<Accepted> {
  const once = createAcceptOnce(deps);
  const run = createRunBatch(deps);
  return (post, take) =>
    once(post, {
      run: (batchId) => run({ batchId, ...post }, take),
      readThrough: (batchId) => take(batchId, () => Promise.resolve()),
    });
}

export interface AcceptInput extends Omit<Post, 'envelope'> {
  readonly request: ImportRequest;
}

/**
 * Accepts a validated POST: resolves only after batch, items and workflow are durable.
 * @throws whatever AcceptOnce and RunBatch throw
 */
export type AcceptBatch = (input: AcceptInput) => Promise<Accepted>;

/** Creates AcceptBatch over the store and the workflow engine. */
export function createAcceptBatch(deps: AcceptDeps): AcceptBatch {
  const accept = createAccept(deps);
  return ({ request: { envelope, chunks }, ...caller }) =>
    accept({ ...caller, envelope }, async (_batchId, store) => {
      let count = 0;
      for await (const items of chunks()) {
        await store(items);
        count += items.length;
      }
      return count;
    });
}

/** How often a long stream looks whether it is still allowed: a revoked token stores no more than it could in that time. */
const LOOK_MS = 10_000;

interface AcceptLinesInput extends Post {
  readonly rules: RequestRules;
  readonly lines: AsyncIterable<readonly ImportLine[]>;
  /** Good lines are taken although others are bad. */
  readonly isPartial: boolean;
  /** Where the lines take room. */
  readonly room: BodyRoom;
  /** The token is asked for again, while lines are stored and before the import is accepted. @throws ApiError 401 */
  readonly stillAllowed: () => Promise<void>;
}

interface AcceptedLines {
  readonly batchId: string;
  readonly rejected: Rejected;
}

/**
 * Accepts a batch whose items come line by line, any number of them, in bounded memory: resolves only after batch, items and
 * workflow are durable. Lines are stored while they arrive; the batch is not announced before all of them are stored.
 * @throws ApiError 400 (bad lines, or none), 401 (no longer allowed); whatever AcceptOnce, RunBatch, the room and the lines throw
 */
export type AcceptLines = (input: AcceptLinesInput) => Promise<AcceptedLines>;

/** Creates AcceptLines over the store and the workflow engine. */
export function createAcceptLines(deps: AcceptDeps): AcceptLines {
  const accept = createAccept(deps);

  return async ({ rules, lines, isPartial, room, stillAllowed, ...post }) => {
    const keep = (bytes: number) => {
      room.keep(bytes);
    };
    const verdicts = createLineVerdicts(isPartial, keep);
    let lookedAt = performance.now();
    // Of a replay too: the same lines lead to the same verdicts, which are part of the answer.
    const take: TakeItems = async (batchId, store) => {
      const storeChunk: LinesToTake['store'] = async (items, fromSeq) => {
        if (performance.now() - lookedAt > LOOK_MS) {
          await stillAllowed();
          lookedAt = performance.now();
        }
        await store(items.map((item, index): ItemSpec => ({ seq: fromSeq + index, ...item })));
      };
      const read = (seqs: readonly number[]) => deps.store.items.externalIds(batchId, seqs);
      const ids = { seen: createSeenIds(keep), read };
      const count = await takeLines({ lines, rules, verdicts, store: storeChunk, ids, room });
      await stillAllowed();
      return count;
    };
    const { batchId } = await accept(post, take);
    return { batchId, rejected: verdicts.rejected() };
  };
}

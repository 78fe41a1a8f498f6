import type { ItemAttempt } from '../../../src/domain/item.js';
import type { ItemStore, MediaStore, MediaWrite, MediaWritten, Settlement } from '../../../src/store/store.js';
import { aMediaWrite, anAttempt } from '../../support/builders.js';
import { fileNameOf, kindOf, type PlannedAttempt, type PlannedItem } from './import-plan.js';

/** What one process has of the store. */
export interface Worker {
  readonly media: Pick<MediaStore, 'upsert' | 'findContent'>;
  readonly items: Pick<ItemStore, 'settle' | 'recordAttempt' | 'markSolo'>;
}

/** From before a call until after its answer, in ticks of one clock. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** A write of a media, as the one who asked for it saw it. */
export interface WriteEvent extends Span {
  readonly item: PlannedItem;
  /** When what it relies on was read. */
  readonly read: Span;
  readonly write: MediaWrite;
  readonly written: MediaWritten;
}

export interface SettleEvent extends Span {
  readonly item: PlannedItem;
  readonly settlement: Settlement;
  readonly isFirst: boolean;
}

interface FailureEvent extends Span {
  readonly item: PlannedItem;
}

export interface ImportHistory {
  readonly writes: WriteEvent[];
  readonly settles: SettleEvent[];
  readonly failures: FailureEvent[];
}

export interface ImportRun {
  readonly projectId: string;
  readonly workers: readonly Worker[];
  /** Whether there is an item to settle; a big run does without most. */
  readonly hasItem: (item: PlannedItem) => boolean;
}

export const batchIdOf = (projectId: string, { batch }: PlannedItem): string => `${projectId}-${batch}`;

/** Runs attempts as activities do, and writes down what they were told. */
export function createAttemptRunner({ projectId, workers, hasItem }: ImportRun) {
  const history: ImportHistory = { writes: [], settles: [], failures: [] };
  let ticks = 0;
  let attempts = 0;

  const timed = async <T>(call: () => Promise<T>): Promise<Span & { answer: T }> => {
    const from = (ticks += 1);
    const answer = await call();
    return { from, to: (ticks += 1), answer };
  };

  const workerOf = (index: number): Worker => {
    const worker = workers[index % workers.length];
    if (worker === undefined) throw new Error('There are no workers');
    return worker;
  };

  /** Every attempt has a time of its own: that is what tells it from others. */
  const nextAttempt = (changes: Partial<ItemAttempt> = {}) => anAttempt({ at: new Date((attempts += 1)), ...changes });

  /** By one worker, or by two at the same moment. */
  const tell = async <T>({ worker, repeats }: PlannedAttempt, call: (to: Worker) => Promise<T>) => {
    const told = repeats ? [worker, worker + 1] : [worker];
    return Promise.all(told.map((index) => timed(() => call(workerOf(index)))));
  };

  const writeMedia = async (item: PlannedItem, planned: PlannedAttempt): Promise<MediaWritten> => {
    const worker = workerOf(planned.worker);
    const fetched = aMediaWrite({
      projectId,
      kind: kindOf(item),
      externalId: `key-${item.key}`,
      fileName: fileNameOf(item),
      content: planned.content,
      importId: batchIdOf(projectId, item),
      importSeq: item.batch + 1,
    });
    const isAsked = planned.isConditional || planned.tellsKnown;
    const reading = await timed(async () => (isAsked ? worker.media.findContent(fetched) : null));
    const read = reading.answer;
    const writeOnce = async (write: MediaWrite) => {
      const call = () => worker.media.upsert(write, planned.tellsKnown ? read : null);
      const { from, to, answer } = await timed(call);
      history.writes.push({ item, read: reading, write, written: answer, from, to });
      return answer;
    };
    const isUnmodified = read?.media.kind === fetched.kind && read.media.asset.sha256 === fetched.asset.sha256;
    if (planned.isConditional && isUnmodified) {
      const { asset, source = fetched.source } = read.media;
      const based = await writeOnce({ ...fetched, asset, source, basedOn: read.contentToken });
      if (based.result !== 'stale') return based;
    }
    return writeOnce(fetched);
  };

  const failOnce = async (item: PlannedItem, planned: PlannedAttempt) => {
    const failed = nextAttempt({ code: 'timeout' });
    const batchId = batchIdOf(projectId, item);
    const told = await tell(planned, ({ items }) =>
      items.recordAttempt(batchId, item.key, failed, 'Too late', new Date(0)),
    );
    // Told twice, it is one failure: it began with the first call and was there with the first answer at the latest.
    const [from, to] = [Math.min(...told.map((call) => call.from)), Math.max(...told.map((call) => call.to))];
    history.failures.push({ item, from, to });
  };

  const settle = async (item: PlannedItem, planned: PlannedAttempt, written: MediaWritten) => {
    const settlement = { ...settlementOf(batchIdOf(projectId, item), item.key, written), attempt: nextAttempt() };
    const told = await tell(planned, ({ items }) => items.settle(settlement));
    for (const { from, to, answer } of told) history.settles.push({ item, settlement, from, to, isFirst: answer });
  };

  const run = async (item: PlannedItem, planned: PlannedAttempt): Promise<void> => {
    if (hasItem(item)) {
      for (let n = 0; n < planned.failures; n += 1) await failOnce(item, planned);
      if (planned.marksSolo) await workerOf(planned.worker).items.markSolo(batchIdOf(projectId, item), item.key);
    }
    const written = await writeMedia(item, planned);
    if (hasItem(item) && !planned.dies) await settle(item, planned, written);
  };

  return { run, history };
}

function settlementOf(batchId: string, seq: number, { result, mediaId, asset }: MediaWritten): Settlement {
  if (result === 'kind_conflict') return { batchId, seq, state: 'failed', code: result, reason: 'Another kind' };
  const settlement = { batchId, seq, mediaId, asset };
  if (result === 'superseded') return { ...settlement, state: 'skipped', code: result };
  if (result === 'unchanged') return { ...settlement, state: 'skipped', code: 'already_exists', action: result };
  if (result === 'stale') throw new Error('A write that is based on nothing was called stale');
  return { ...settlement, state: 'success', action: result };
}

import type { Batch } from './batch.js';
import { REASONS } from './errors.js';
import { priorityOf } from './priority.js';
import type { FailureGroup } from './store.js';
import { importWorkflowId, type Counts, type ImportProgress } from './workflow-names.js';

export interface ImportFacts {
  readonly batch: Batch;
  readonly counts: Counts;
  readonly bytes: number;
  readonly progress: ImportProgress | null;
  readonly failures: readonly FailureGroup[];
  readonly runId: string | null;
  /** Address of the run in the Temporal UI. */
  readonly workflowUrl: string | null;
  /** `/api/:v` as the client asked for it. */
  readonly base: string;
  /** Plural of the kind, as in the published routes. */
  readonly plural: string;
  readonly now: Date;
}

/** The body of `GET /imports/:id`. Times are ISO 8601; what is not known is null. */
export function importBody(facts: ImportFacts) {
  const { batch, counts, bytes, progress } = facts;
  const startedAt = batch.startedAt ?? null;
  const seconds = startedAt === null ? 0 : ((batch.finishedAt ?? facts.now).getTime() - startedAt.getTime()) / 1000;
  const perSecond = (amount: number) => (seconds > 0 ? round(amount / seconds) : 0);
  const itemsPerSecond = perSecond(counts.total - counts.open);
  const isFinished = batch.state === 'success' || batch.state === 'failed';
  return {
    id: batch._id,
    kind: batch.kind,
    systemName: batch.systemName,
    state: isFinished ? batch.state : 'started',
    finished: isFinished,
    createdAt: batch.createdAt.toISOString(),
    startedAt: startedAt?.toISOString() ?? null,
    finishedAt: batch.finishedAt?.toISOString() ?? null,
    counts,
    bytes,
    rate: { itemsPerSecond, bytesPerSecond: perSecond(bytes) },
    etaSeconds: etaSeconds(isFinished, counts.open, itemsPerSecond),
    round: progress?.round ?? null,
    priority: priorityOf(batch),
    failures: facts.failures.map(({ code, host, count, samples }) => ({
      code,
      host,
      count,
      hint: REASONS[code].hint,
      samples,
    })),
    workflow: { id: importWorkflowId(batch.projectId, batch._id), runId: facts.runId, url: facts.workflowUrl },
    links: {
      self: `${facts.base}/imports/${batch._id}`,
      status: `${facts.base}/import/${facts.plural}/status?id=${batch._id}`,
    },
  };
}

function etaSeconds(isFinished: boolean, open: number, itemsPerSecond: number): number | null {
  if (isFinished) return 0;
  return itemsPerSecond > 0 ? Math.ceil(open / itemsPerSecond) : null;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

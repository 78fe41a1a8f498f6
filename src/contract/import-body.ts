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
  const isFinished = batch.state === 'success' || batch.state === 'failed';
  const rate = isFinished ? overallRate(batch, counts, bytes) : recentRate(progress, facts.now);
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
    rate: { itemsPerSecond: round(rate.items), bytesPerSecond: round(rate.bytes) },
    etaSeconds: isFinished ? 0 : rate.items > 0 ? Math.ceil(counts.open / rate.items) : null,
    round: progress?.round ?? null,
    priority: priorityOf(batch),
    failures: facts.failures.map(({ code, host, count, open, samples }) => ({
      code,
      host,
      count,
      open,
      retryable: REASONS[code].retryable,
      hint: REASONS[code].hint,
      samples,
    })),
    waitingFor: progress?.waitingFor ?? [],
    workflow: { id: importWorkflowId(batch.projectId, batch._id), runId: facts.runId, url: facts.workflowUrl },
    links: {
      self: `${facts.base}/imports/${batch._id}`,
      items: `${facts.base}/imports/${batch._id}/items`,
      status: `${facts.base}/import/${facts.plural}/status?id=${batch._id}`,
    },
  };
}

interface PerSecond {
  readonly items: number;
  readonly bytes: number;
}

function overallRate({ startedAt, finishedAt }: Batch, counts: Counts, bytes: number): PerSecond {
  const ms = startedAt === undefined || finishedAt === undefined ? 0 : finishedAt.getTime() - startedAt.getTime();
  if (ms <= 0) return { items: 0, bytes: 0 };
  return { items: ((counts.total - counts.open) / ms) * 1_000, bytes: (bytes / ms) * 1_000 };
}

/** Of what was settled in the last minute; nothing is said of an import in which nothing was. */
function recentRate(progress: ImportProgress | null, now: Date): PerSecond {
  const seconds = now.getTime() / 1_000;
  const recent = (progress?.recent ?? []).filter(([at]) => at > seconds - RECENT_SECONDS);
  const first = Math.min(...recent.map(([at]) => at));
  const startedAt = progress === null ? 0 : Date.parse(progress.startedAt) / 1_000;
  // An import that has just begun is not measured by the time before it.
  const span = Math.max(1, seconds - Math.max(first, startedAt));
  return {
    items: recent.reduce((sum, [, items]) => sum + items, 0) / span,
    bytes: recent.reduce((sum, [, , bytes]) => sum + bytes, 0) / span,
  };
}

/** An import that settled nothing for so long has no rate, so there is no telling when it ends. */
const RECENT_SECONDS = 60;

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

import { REASONS } from '../../domain/errors.js';
import type { ActionRecord } from '../../domain/action.js';
import { KINDS, priorityOf, shownState } from '../../domain/import.js';
import type { FailureGroup, ListedBatch } from '../../store/store.js';
import { importWorkflowId, type Counts, type ImportProgress } from '../../temporal/names.js';

/** What is known of an import beside its batch. */
export interface RowFacts {
  readonly batch: ListedBatch;
  /** Null when they are not known at the moment. */
  readonly counts: Counts | null;
  readonly bytes: number | null;
  readonly progress: ImportProgress | null;
  /** `/api/:v` as the client asked for it. */
  readonly base: string;
  readonly now: Date;
}

export interface ImportFacts extends RowFacts {
  readonly counts: Counts;
  readonly bytes: number;
  readonly failures: readonly FailureGroup[];
  readonly actions: readonly ActionRecord[];
  readonly runId: string | null;
  /** Address of the run in the Temporal UI. */
  readonly workflowUrl: string | null;
}

/** One entry of `GET /imports`: the body of `GET /imports/:id` without what takes a look at its items, its run and its log. */
export function importRow({ batch, counts, bytes, progress, base, now }: RowFacts) {
  const state = shownState(batch);
  const isFinished = state === 'success' || state === 'failed';
  const rate = isFinished ? overallRate(batch, counts, bytes) : recentRate(progress, now);
  const self = `${base}/imports/${batch._id}`;
  return {
    id: batch._id,
    kind: batch.kind,
    systemName: batch.systemName,
    state,
    finished: isFinished,
    createdAt: batch.createdAt.toISOString(),
    startedAt: batch.startedAt?.toISOString() ?? null,
    finishedAt: batch.finishedAt?.toISOString() ?? null,
    counts,
    bytes,
    rate: { itemsPerSecond: round(rate.items), bytesPerSecond: round(rate.bytes) },
    etaSeconds: isFinished ? 0 : rate.items > 0 && counts !== null ? Math.ceil(counts.open / rate.items) : null,
    round: progress?.round ?? null,
    priority: priorityOf(batch),
    waitingFor: progress?.waitingFor ?? [],
    links: {
      self,
      items: `${self}/items`,
      deliveries: `${self}/deliveries`,
      status: `${base}/import/${KINDS[batch.kind].plural}/status?id=${batch._id}`,
    },
  };
}

/** The body of `GET /imports/:id`. Times are ISO 8601; what is not known is null. */
export function importBody(facts: ImportFacts) {
  const { batch, failures, actions } = facts;
  return {
    ...importRow(facts),
    failures: failures.map(({ code, host, count, isAtLeast, open, samples }) => ({
      code,
      host,
      count,
      atLeast: isAtLeast,
      open,
      retryable: REASONS[code].retryable,
      hint: REASONS[code].hint,
      samples,
    })),
    actions: actions.map(({ at, by, action, reason }) => ({
      at: at.toISOString(),
      by: { name: by.name ?? null, jti: by.jti },
      action,
      reason: reason ?? null,
    })),
    workflow: { id: importWorkflowId(batch.projectId, batch._id), runId: facts.runId, url: facts.workflowUrl },
  };
}

interface PerSecond {
  readonly items: number;
  readonly bytes: number;
}

function overallRate({ startedAt, finishedAt }: ListedBatch, counts: Counts | null, bytes: number | null): PerSecond {
  const ms = startedAt === undefined || finishedAt === undefined ? 0 : finishedAt.getTime() - startedAt.getTime();
  if (ms <= 0 || counts === null || bytes === null) return { items: 0, bytes: 0 };
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

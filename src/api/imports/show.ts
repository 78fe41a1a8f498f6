import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import { REASONS } from '../../domain/errors.js';
import { priorityOf, KINDS, type Batch } from '../../domain/import.js';
import { coalesce } from '../../intake/coalesce.js';
import type { ReadStatus } from '../../intake/read-status.js';
import type { FailureGroup, ItemStore, ItemTotals } from '../../store/store.js';
import type { BatchRef, ImportWorkflows } from '../../temporal/client.js';
import { importWorkflowId, type Counts, type ImportProgress } from '../../temporal/names.js';
import { tokenOf, type RequestHandler } from '../context.js';
import { importNotFound } from '../errors.js';
import type { HttpSettings } from '../settings.js';

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
    state: isFinished ? batch.state : batch.pausedAt === undefined ? 'started' : 'paused',
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

/** Pages poll about once a second. */
const COUNTED_AGAIN_MS = 1_000;
/** Counted in some 30 ms, so an asker waits for it. */
const SMALL_BATCH = 10_000;
/** Imports whose counts are remembered, some 100 KiB. */
const MOST_KNOWN = 1_000;

interface Told {
  readonly counts: Counts;
  readonly bytes: number;
}

/**
 * How many items of an import are in which state. While its run does not answer they are counted in the database, which takes seconds
 * for a million; so an asker gets what was known last, from the run or from a count, and the count goes on behind the answer. Only
 * the first asker of an import that this process knows nothing of waits for all of it.
 */
export function createKnownCounts(
  items: Pick<ItemStore, 'totals'>,
): (batch: Batch, progress: ImportProgress | null) => Promise<Told> {
  const known = new LRUCache<string, ItemTotals>({ max: MOST_KNOWN });
  const count = coalesce(
    async (batchId) => {
      const totals = await items.totals(batchId);
      known.set(batchId, totals);
      return totals;
    },
    { ttlMs: COUNTED_AGAIN_MS },
  );

  return async (batch, progress) => {
    const { _id: batchId, itemCount: total } = batch;
    if (batch.counts !== undefined) return { counts: { total, open: 0, ...batch.counts }, bytes: batch.bytes ?? 0 };
    if (progress !== null) {
      const { counts, bytes } = progress;
      const { open, success, skipped, failed } = counts;
      known.set(batchId, { open, success, skipped, failed, bytes });
      return { counts, bytes };
    }
    const counted = count(batchId);
    // An asker who does not wait for the count does not hear that it failed either; the next one asks again.
    counted.catch(() => undefined);
    const before = total > SMALL_BATCH ? known.get(batchId) : undefined;
    const { bytes, ...counts } = before ?? (await counted);
    return { counts: { total, ...counts }, bytes };
  };
}

export interface ImportDeps {
  readonly readStatus: ReadStatus;
  readonly items: Pick<ItemStore, 'totals' | 'failureGroups'>;
  readonly workflows: Pick<ImportWorkflows, 'state'>;
  readonly settings: Pick<HttpSettings, 'publicUrl' | 'temporalUiUrl' | 'temporalNamespace'>;
  readonly logger: Logger;
}

/**
 * Pages poll about once a second; grouping failures takes up to 100 ms, and the run is asked of Temporal. For ten seconds more a poller
 * gets the answer before and waits for none.
 */
const KEPT = { ttlMs: 1_000, staleMs: 10_000 };

/** `GET /api/:v/imports/:id`: all that is known about one import. */
export function getImport(deps: ImportDeps): RequestHandler {
  // The state is in the key: an import that has ended shows no failures of before.
  const failuresOf = coalesce((key) => deps.items.failureGroups(key.split('/')[0] ?? key), KEPT);
  const countsOf = createKnownCounts(deps.items);
  const runIdOf = coalesce((key) => askRunId(JSON.parse(key) as BatchRef, deps), KEPT);
  return async (ctx) => {
    const [, , version = '', , id = ''] = ctx.path.split('/');
    const { projectId } = tokenOf(ctx.state);
    const status = await deps.readStatus({ projectId, batchId: id });
    if (status === null) throw importNotFound(id);
    const { batch, progress } = status;
    const [{ counts, bytes }, runId] = await Promise.all([
      countsOf(batch, progress),
      runIdOf(JSON.stringify({ projectId, batchId: batch._id })),
    ]);
    const failures = counts.failed + counts.open === 0 ? [] : await failuresOf(`${batch._id}/${batch.state}`);
    ctx.body = importBody({
      batch,
      counts,
      bytes,
      progress,
      failures,
      runId,
      workflowUrl: workflowUrl(batch, runId, deps.settings),
      base: `${deps.settings.publicUrl}/api/${version}`,
      plural: KINDS[batch.kind].plural,
      now: new Date(),
    });
  };
}

/** Temporal forgets runs after its retention, and may be away: the import is shown without its run then. */
async function askRunId(ref: BatchRef, { workflows, logger }: ImportDeps): Promise<string | null> {
  try {
    const found = await workflows.state(ref);
    return found.state === 'missing' ? null : found.runId;
  } catch (error) {
    logger.debug({ ...ref, err: error }, 'Temporal did not tell the run');
    return null;
  }
}

function workflowUrl(batch: Batch, runId: string | null, settings: ImportDeps['settings']): string | null {
  if (settings.temporalUiUrl === null) return null;
  const workflowId = encodeURIComponent(importWorkflowId(batch.projectId, batch._id));
  const url = `${settings.temporalUiUrl}/namespaces/${encodeURIComponent(settings.temporalNamespace)}/workflows/${workflowId}`;
  return runId === null ? url : `${url}/${runId}/history`;
}

import type { Logger } from 'pino';
import type { Batch } from '../../contract/batch.js';
import { importBody } from '../../contract/import-body.js';
import { KINDS } from '../../contract/kinds.js';
import type { ItemStore } from '../../contract/store.js';
import { importWorkflowId } from '../../contract/workflow-names.js';
import { coalesce } from '../../intake/coalesce.js';
import type { BatchRef, ImportWorkflows } from '../../intake/import-workflows.js';
import type { ReadStatus } from '../../intake/read-status.js';
import { importNotFound } from '../import-not-found.js';
import { createKnownCounts } from '../known-counts.js';
import { tokenOf, type RequestHandler } from '../request-state.js';
import type { HttpSettings } from '../settings.js';

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

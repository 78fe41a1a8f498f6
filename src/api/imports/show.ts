import type { Logger } from 'pino';
import type { ActionStore } from '../../domain/action.js';
import { shownState, type Batch } from '../../domain/import.js';
import { coalesce } from '../../intake/coalesce.js';
import type { ReadStatus } from '../../intake/read-status.js';
import type { ItemStore } from '../../store/store.js';
import type { BatchRef, ImportWorkflows } from '../../temporal/client.js';
import { importWorkflowId } from '../../temporal/names.js';
import { tokenOf, type RequestHandler } from '../context.js';
import { importNotFound } from '../errors.js';
import type { HttpSettings } from '../settings.js';
import { importBody } from './body.js';
import { createKnownCounts } from './known-counts.js';
import { setRetryAfter, type WaitForChange } from './poll.js';

export interface ImportDeps {
  readonly readStatus: ReadStatus;
  readonly items: Pick<ItemStore, 'totals' | 'failureGroups'>;
  readonly actions: Pick<ActionStore, 'list'>;
  readonly waitForChange: WaitForChange;
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
  const failuresOf = coalesce((key) => {
    const [batchId = '', ended] = key.split('/');
    return deps.items.failureGroups(batchId, ended === 'ended' ? ended : undefined);
  }, KEPT);
  const countsOf = createKnownCounts(deps.items);
  const runIdOf = coalesce((key) => askRunId(JSON.parse(key) as BatchRef, deps), KEPT);
  return async (ctx) => {
    const [, , version = '', , id = ''] = ctx.path.split('/');
    const { projectId } = tokenOf(ctx.state);
    const read = async () => {
      const status = await deps.readStatus({ projectId, batchId: id });
      if (status === null) throw importNotFound(id);
      return status;
    };
    const { batch, progress } = await deps.waitForChange(ctx, read, (status) =>
      status.batch.finishedAt === undefined
        ? JSON.stringify([shownState(status.batch), status.progress?.counts])
        : null,
    );
    const [{ counts, bytes }, actions, runId] = await Promise.all([
      countsOf(batch, progress),
      deps.actions.list(projectId, `import:${batch._id}`),
      runIdOf(JSON.stringify({ projectId, batchId: batch._id })),
    ]);
    const end = batch.finishedAt === undefined ? 'open' : 'ended';
    const failures = counts.failed + counts.open === 0 ? [] : await failuresOf(`${batch._id}/${end}`);
    setRetryAfter(ctx, batch);
    ctx.body = importBody({
      batch,
      counts,
      bytes,
      progress,
      failures,
      actions,
      runId,
      workflowUrl: workflowUrl(batch, runId, deps.settings),
      base: `${deps.settings.publicUrl}/api/${version}`,
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

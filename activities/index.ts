import type { Activities } from '../src/temporal/activity-api.js';
import { createAttemptWebhook } from './attempt-webhook.js';
import { createCollectBlobs, createCollectParts, createCollectRecords, createProbeMedia } from './collect-garbage.js';
import { createSuspects } from '../src/item/suspects.js';
import type { ActivityDeps } from './deps.js';
import { createFinishBatch } from './finish-batch.js';
import { createMarkPaused, createReopenFailed } from './control-import.js';
import { createImportItem } from './import-item.js';
import { createPlanRound, createPlanWork } from './plan-work.js';
import { createSweepPage } from './sweep-page.js';

/** The registry: a key is the activity's type on the wire. */
export function createActivities(deps: ActivityDeps): Activities {
  const suspects = createSuspects(deps);
  return {
    planRound: createPlanRound(deps),
    planWork: createPlanWork(deps),
    sweepPage: createSweepPage(deps, suspects),
    importItem: createImportItem(deps, suspects),
    finishBatch: createFinishBatch(deps),
    markPaused: createMarkPaused(deps),
    reopenFailed: createReopenFailed(deps),
    attemptWebhook: createAttemptWebhook(deps),
    collectBlobs: createCollectBlobs(deps),
    collectParts: createCollectParts(deps),
    collectRecords: createCollectRecords(deps),
    probeMedia: createProbeMedia(deps),
  };
}

import type { Client } from '@temporalio/client';
import type { HistoryCost } from './contender.js';

/**
 * Events and bytes of all runs of these workflows: what continued as new is a run of its own. Asked of each run itself, for the
 * list may be behind. Resolves when the last run of each is closed, which follows the end of the import by some milliseconds.
 */
export async function historyCost(client: Client, workflowIds: readonly string[]): Promise<HistoryCost> {
  let events = 0;
  let bytes = 0;
  for (const workflowId of workflowIds) {
    const last = client.workflow.getHandle(workflowId);
    await last.result();
    for (let runId: string | undefined = (await last.describe()).runId; runId !== undefined;) {
      const run = client.workflow.getHandle(workflowId, runId);
      const { historyLength, historySize = 0 } = await run.describe();
      events += historyLength;
      bytes += historySize;
      runId = await previousRun(client, workflowId, runId);
    }
  }
  return { events, bytes };
}

/** The first event of a run names the one that it continues. */
async function previousRun(client: Client, workflowId: string, runId: string): Promise<string | undefined> {
  const { history } = await client.workflowService.getWorkflowExecutionHistory({
    namespace: client.options.namespace,
    execution: { workflowId, runId },
    maximumPageSize: 1,
  });
  const started = history?.events?.[0]?.workflowExecutionStartedEventAttributes;
  return started?.continuedExecutionRunId || undefined;
}

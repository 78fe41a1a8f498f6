import { LEAST_URGENT } from '../contract/priority.js';
import { GARBAGE_WORKFLOW_NOW, WORKFLOWS, type CollectedGarbage } from '../contract/workflow-names.js';

/**
 * Has a worker collect garbage now, whatever the Schedule says, and waits for the end.
 * @throws Error when one that was asked for before still runs, or when it was cancelled or terminated
 */
export async function collectNow(env: NodeJS.ProcessEnv, report: (line: string) => void): Promise<CollectedGarbage> {
  // Both load a second of code that other commands do without.
  const { withTemporal } = await import('./open-temporal.js');
  const { WorkflowExecutionAlreadyStartedError, WorkflowFailedError } = await import('@temporalio/client');
  return withTemporal(env, async ({ client, config }) => {
    try {
      const handle = await client.workflow.start(WORKFLOWS.collectGarbage, {
        taskQueue: config.TEMPORAL_TASK_QUEUE,
        workflowId: GARBAGE_WORKFLOW_NOW,
        workflowIdConflictPolicy: 'FAIL',
        workflowIdReusePolicy: 'ALLOW_DUPLICATE',
        args: [{}],
        staticSummary: 'asked for on the command line',
        // Behind every import that waits, as the Schedule's.
        priority: { priorityKey: LEAST_URGENT },
      });
      report(`Collecting garbage in workflow ${GARBAGE_WORKFLOW_NOW}`);
      return (await handle.result()) as CollectedGarbage;
    } catch (error) {
      if (error instanceof WorkflowExecutionAlreadyStartedError)
        throw new Error(`A collection is still running: workflow ${GARBAGE_WORKFLOW_NOW}`, { cause: error });
      if (error instanceof WorkflowFailedError)
        throw new Error(`The collection did not end well: workflow ${GARBAGE_WORKFLOW_NOW}`, { cause: error });
      throw error;
    }
  });
}

import { randomUUID } from 'node:crypto';
import type { TestTemporal } from '../servers/temporal.js';

/** Resets a workflow to its first workflow task, as an operator does, and answers the id of the new run. */
export async function resetWorkflow({ client, namespace }: TestTemporal, workflowId: string): Promise<string> {
  const handle = client.workflow.getHandle(workflowId);
  const { runId } = await handle.describe();
  const { events } = await client.workflow.getHandle(workflowId, runId).fetchHistory();
  const decided = events?.find(({ workflowTaskCompletedEventAttributes }) => workflowTaskCompletedEventAttributes);
  if (!decided?.eventId) throw new Error('No workflow task of the run has completed');
  const answer = await client.workflowService.resetWorkflowExecution({
    namespace,
    workflowExecution: { workflowId, runId },
    workflowTaskFinishEventId: decided.eventId,
    requestId: randomUUID(),
    reason: 'a test',
  });
  return answer.runId;
}

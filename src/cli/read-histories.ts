import { readFile } from 'node:fs/promises';
import { importWorkflowId } from '../contract/workflow-names.js';
import { withTemporal } from './open-temporal.js';

/** The history of one run, as the server or a file gives it. */
export interface RunHistory {
  readonly workflowId: string;
  readonly runId: string;
  readonly history: unknown;
}

export interface HistoriesWish {
  /** An import id, a workflow id, or the name of a JSON file. */
  readonly subject: string;
  /** Of an import id. */
  readonly project: string;
  readonly env: NodeJS.ProcessEnv;
}

/** Ids of imports and workflows hold nothing else, so that none ends the quotes of a query. */
const ID = /^[A-Za-z0-9_/-]{1,200}$/;

/**
 * The histories of all runs of an import, or the one in a file.
 * @throws Error when the file is no history, or the server does not know the import
 */
export async function readHistories({ subject, project, env }: HistoriesWish): Promise<RunHistory[]> {
  const content = await readFile(subject, 'utf8').catch(() => null);
  if (content !== null) return [historyIn(content, subject)];
  if (!ID.test(subject)) throw new Error(`${subject} is neither a file nor an import id`);
  const workflowId = subject.includes('/') ? subject : importWorkflowId(project, subject);
  return withTemporal(env, async ({ client, address }) => {
    const runs: RunHistory[] = [];
    // Every continue-as-new is a run with a history of its own.
    for await (const { runId } of client.workflow.list({ query: `WorkflowId = "${workflowId}"` })) {
      const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
      runs.push({ workflowId, runId, history });
    }
    if (runs.length === 0) throw new Error(`Temporal at ${address} does not know the workflow ${workflowId}`);
    return runs.reverse();
  });
}

function historyIn(content: string, file: string): RunHistory {
  let history: unknown;
  try {
    history = JSON.parse(content);
  } catch (cause) {
    throw new Error(`${file} is not JSON`, { cause });
  }
  const started = firstEvent(history)?.['workflowExecutionStartedEventAttributes'];
  if (typeof started !== 'object' || started === null)
    throw new Error(`${file} is not a workflow history: its first event does not start a workflow`);
  const { workflowId, originalExecutionRunId } = started as Record<string, unknown>;
  return {
    workflowId: typeof workflowId === 'string' && workflowId !== '' ? workflowId : file,
    runId: typeof originalExecutionRunId === 'string' ? originalExecutionRunId : '',
    history,
  };
}

function firstEvent(history: unknown): Record<string, unknown> | undefined {
  const events: unknown = typeof history === 'object' && history !== null ? Reflect.get(history, 'events') : undefined;
  const first: unknown = Array.isArray(events) ? events[0] : undefined;
  return typeof first === 'object' && first !== null ? (first as Record<string, unknown>) : undefined;
}

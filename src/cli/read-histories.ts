import { readFile } from 'node:fs/promises';
import { Client, Connection } from '@temporalio/client';
import { loadConfig, type Config } from '../config.js';
import { importWorkflowId } from '../contract/workflow-names.js';
import { readRunFile } from '../stack/run-file.js';

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

/** A server on this machine answers at once, one elsewhere in a second. */
const CONNECT_TIMEOUT_MS = 10_000;
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
  const config = loadConfig(env);
  const address = env['TEMPORAL_ADDRESS'] ? config.TEMPORAL_ADDRESS : (await readRunFile(config.DATA_DIR))?.temporal;
  if (address === undefined)
    throw new Error(`Nothing runs on ${config.DATA_DIR}: run start first, or set TEMPORAL_ADDRESS`);
  return fetchHistories(workflowId, address, config);
}

async function fetchHistories(workflowId: string, address: string, config: Config): Promise<RunHistory[]> {
  const connection = await connect(address, config);
  try {
    const client = new Client({ connection, namespace: config.TEMPORAL_NAMESPACE });
    const runs: RunHistory[] = [];
    // Every continue-as-new is a run with a history of its own.
    for await (const { runId } of client.workflow.list({ query: `WorkflowId = "${workflowId}"` })) {
      const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
      runs.push({ workflowId, runId, history });
    }
    if (runs.length === 0) throw new Error(`Temporal at ${address} does not know the workflow ${workflowId}`);
    return runs.reverse();
  } finally {
    await connection.close();
  }
}

async function connect(address: string, { TEMPORAL_API_KEY: apiKey }: Config): Promise<Connection> {
  const tls = apiKey === undefined ? {} : { apiKey, tls: true };
  try {
    return await Connection.connect({ address, connectTimeout: CONNECT_TIMEOUT_MS, ...tls });
  } catch (cause) {
    throw new Error(`Temporal cannot be reached at ${address}`, { cause });
  }
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

import { readFile, access } from 'node:fs/promises';
import { join } from 'node:path';
import { DefaultLogger, Runtime, Worker, makeTelemetryFilterString } from '@temporalio/worker';
import { DeterminismViolationError } from '@temporalio/workflow';
import { packageRoot } from '../local-stack/tools.js';
import { escapeControls } from '../telemetry/logger.js';
import { importWorkflowId } from '../temporal/names.js';
import { withTemporal } from './open.js';

/** The history of one run, as the server or a file gives it. */
interface RunHistory {
  readonly workflowId: string;
  readonly runId: string;
  readonly history: unknown;
}

export interface HistoriesOptions {
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
export async function readHistories({ subject, project, env }: HistoriesOptions): Promise<RunHistory[]> {
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

export interface ReplayVerdict {
  readonly workflowId: string;
  readonly runId: string;
  /** Why it does not replay, in words; null when it does. */
  readonly problem: string | null;
}

/**
 * Replays histories against the built workflow code.
 * @throws Error when the package was not built
 */
export async function* replayHistories(
  histories: readonly RunHistory[],
  codePath: string = join(packageRoot(), 'dist', 'workflow-bundle.js'),
): AsyncIterable<ReplayVerdict> {
  await access(codePath).catch((cause: unknown) => {
    throw new Error('The workflow code is not built: run npm run build', { cause });
  });
  const input = histories.map(({ workflowId, history }) => ({ workflowId, history }));
  const results = Worker.runReplayHistories({ workflowBundle: { codePath } }, input);
  let index = 0;
  for await (const { workflowId, runId, error } of results) {
    const shownRun = histories[index]?.runId ?? runId;
    index += 1;
    yield { workflowId, runId: shownRun, problem: error === undefined ? null : explain(error) };
  }
}

/** To be called once a process: the verdict says all, and the runtime would log every violation with its stack as well. */
export function silenceRuntime(): void {
  Runtime.install({
    logger: new DefaultLogger('ERROR', () => undefined),
    telemetryOptions: { logging: { filter: makeTelemetryFilterString({ core: 'ERROR', other: 'ERROR' }) } },
  });
}

/** What to make of a failed replay. */
function explain(error: Error): string {
  if (!(error instanceof DeterminismViolationError))
    return `  The history cannot be replayed at all: ${escapeControls(error.message)}`;
  return [
    '  The workflow code at hand does not do what this history has recorded, so a worker with it could not go on with the run.',
    `  Where they part: ${escapeControls(differenceIn(error.message))}`,
    '  Keep the recorded steps for runs that have begun: put what is new behind patched(), or give it a new workflow type.',
  ].join('\n');
}

/** The sentence of the SDK without the report that it is wrapped in. */
function differenceIn(message: string): string {
  return /Nondeterminism error: (?<sentence>[^"]+)"/.exec(message)?.groups?.['sentence'] ?? message;
}

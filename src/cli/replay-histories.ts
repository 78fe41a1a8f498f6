import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { DefaultLogger, Runtime, Worker, makeTelemetryFilterString } from '@temporalio/worker';
import { DeterminismViolationError } from '@temporalio/workflow';
import { packageRoot } from '../stack/package-root.js';
import { escapeControls } from '../telemetry/escape-controls.js';
import type { RunHistory } from './read-histories.js';

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

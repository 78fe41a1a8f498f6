import { access, constants } from 'node:fs/promises';
import { join } from 'node:path';
import { buildTemporalCli } from './build-temporal-cli.js';
import { cacheFolder } from './cache-folder.js';
import { downloadTemporalCli, TEMPORAL_CLI_VERSION } from './download-temporal-cli.js';
import { findOnPath } from './find-on-path.js';
import type { Progress } from './progress.js';
import { runCommand } from './run-command.js';

/** The program starts in well under a second; a machine that is building at the same time is slower. */
const VERSION_TIMEOUT_MS = 20_000;

export interface FindOptions {
  readonly report: Progress;
  readonly env?: NodeJS.ProcessEnv;
}

/**
 * A Temporal CLI that works on this machine: on PATH, else from the cache, else downloaded, else built with Go (about five
 * minutes, once).
 * @returns the path of the executable
 * @throws Error that names Go and the alternatives when it can neither be downloaded nor built
 */
export async function findTemporalCli({ report, env = process.env }: FindOptions): Promise<string> {
  const onPath = await findOnPath('temporal', env);
  if (onPath !== null && (await works(onPath, env))) return onPath;
  if (onPath !== null) report(`The Temporal CLI on PATH does not run: ${onPath}`);

  const folder = join(cacheFolder(env), `temporal-cli-${TEMPORAL_CLI_VERSION}`);
  const executable = join(folder, process.platform === 'win32' ? 'temporal.exe' : 'temporal');
  const cached = await access(executable, constants.X_OK).then(
    () => true,
    () => false,
  );
  if (cached) return executable;

  try {
    await downloadTemporalCli({ folder, executable, report });
  } catch (error) {
    report(`The Temporal CLI is not downloaded: ${error instanceof Error ? error.message : String(error)}`);
    // Its sources are checked against tools/temporal-cli/go.sum.
    await buildTemporalCli({ folder, executable, report, env });
  }
  return executable;
}

function works(executable: string, env: NodeJS.ProcessEnv): Promise<boolean> {
  return runCommand(executable, ['--version'], { env, timeoutMs: VERSION_TIMEOUT_MS }).then(
    () => true,
    () => false,
  );
}

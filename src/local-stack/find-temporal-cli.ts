import { access, constants } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { downloadTemporalCli, TEMPORAL_CLI_VERSION } from './download.js';
import {
  installAtomically,
  packageRoot,
  withProgress,
  CommandError,
  runCommand,
  cacheFolder,
  findOnPath,
  type Progress,
} from './tools.js';

/** Said by the go line of tools/temporal-cli/go.mod; the go command checks it. */
const GO_VERSION = '1.26.4';
const ALTERNATIVES =
  'install the Temporal CLI so that `temporal` is on PATH, or set TEMPORAL_ADDRESS to a running server';

const ASK_TIMEOUT_MS = 20_000;
/** An older Go fetches the toolchain that go.mod asks for: some 70 MB. */
const TOOLCHAIN_TIMEOUT_MS = 10 * 60_000;
/** Measured 4.5 minutes on two cores with all modules to fetch; a slow line or a shared machine may take several times that. */
const BUILD_TIMEOUT_MS = 40 * 60_000;

export interface TemporalCliBuild {
  readonly folder: string;
  readonly executable: string;
  readonly report: Progress;
  readonly env: NodeJS.ProcessEnv;
}

/**
 * Builds the Temporal CLI from the Go module tools/temporal-cli into the cache. Two processes at once build twice, share the
 * build cache of Go, and one of the results stays.
 * @throws Error that names Go, the version it must have and the alternatives
 */
export async function buildTemporalCli({ folder, executable, report, env }: TemporalCliBuild): Promise<void> {
  const cwd = join(packageRoot(), 'tools', 'temporal-cli');
  await requireGo(cwd, env);
  // Without symbols and debug information it is a third smaller.
  const build = ['build', '-ldflags=-s -w'];
  await withProgress(report, 'Building the Temporal CLI with Go (about five minutes, once)', () =>
    installAtomically(folder, async (staging) => {
      const args = [...build, '-o', join(staging, basename(executable)), 'github.com/temporalio/cli/cmd/temporal'];
      await runCommand('go', args, { cwd, env: { ...env, CGO_ENABLED: '0' }, timeoutMs: BUILD_TIMEOUT_MS });
    }),
  ).catch((cause: unknown) => {
    const output = cause instanceof CommandError ? `:\n${cause.output.trimEnd()}` : '';
    throw new Error(`The Temporal CLI could not be built with Go; ${ALTERNATIVES}${output}`, { cause });
  });
}

async function requireGo(cwd: string, env: NodeJS.ProcessEnv): Promise<void> {
  // Outside of the module and without toolchain switching, so that this names what is installed.
  const installed = await runCommand('go', ['version'], {
    cwd: tmpdir(),
    env: { ...env, GOTOOLCHAIN: 'local' },
    timeoutMs: ASK_TIMEOUT_MS,
  }).catch((cause: unknown) => {
    const problem = 'The Temporal CLI could not be downloaded, and Go, which builds it, is not installed';
    throw new Error(`${problem}: install Go ${GO_VERSION} or newer, ${ALTERNATIVES}`, { cause });
  });
  await runCommand('go', ['env', 'GOVERSION'], { cwd, env, timeoutMs: TOOLCHAIN_TIMEOUT_MS }).catch(
    (cause: unknown) => {
      const version = /go(\d\S*)/.exec(installed.stdout)?.[1] ?? 'unknown';
      const problem = `The Temporal CLI could not be downloaded, and the installed Go ${version} is too old to build it`;
      throw new Error(`${problem}: install Go ${GO_VERSION} or newer, ${ALTERNATIVES}`, { cause });
    },
  );
}

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

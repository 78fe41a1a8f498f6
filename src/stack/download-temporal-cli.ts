import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { openDownload } from './open-download.js';
import { installAtomically } from './install-atomically.js';
import { withProgress, type Progress } from './progress.js';
import { runCommand } from './run-command.js';

/** The archive unpacks in about 2 s; the rest is for a busy machine. */
const UNPACK_TIMEOUT_MS = 120_000;

export interface TemporalCliDownload {
  readonly version: string;
  /** The folder of the cache that is filled. */
  readonly folder: string;
  /** The executable in it. */
  readonly executable: string;
  readonly report: Progress;
}

/**
 * Fetches the official archive of the Temporal CLI into the cache.
 * @throws Error within 10 s when the site cannot be reached, and when what came does not run
 */
export function downloadTemporalCli({ version, folder, executable, report }: TemporalCliDownload): Promise<void> {
  return withProgress(report, `Downloading the Temporal CLI ${version}`, () =>
    installAtomically(folder, async (staging) => {
      const archive = join(staging, 'archive');
      await pipeline(await openDownload(archiveUrl(version)), createWriteStream(archive));
      // tar is part of every platform that the archive is made for; the one of Windows reads zip as well.
      await runCommand('tar', ['-xf', archive, '-C', staging], { timeoutMs: UNPACK_TIMEOUT_MS });
      await rm(archive);
      await runCommand(join(staging, basename(executable)), ['--version'], { timeoutMs: UNPACK_TIMEOUT_MS });
    }),
  );
}

/** As documented at docs.temporal.io/cli/setup-cli. */
function archiveUrl(version: string): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const arch = process.arch === 'x64' ? 'amd64' : process.arch;
  return `https://temporal.download/cli/archive/v${version}?platform=${platform}&arch=${arch}`;
}

import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { installAtomically } from './install-atomically.js';
import { downloadChecked } from './open-download.js';
import { withProgress, type Progress } from './progress.js';
import { runCommand } from './run-command.js';

/** Server 1.31.2 inside; fairness needs 1.29, and tools/temporal-cli/go.mod names the same version. */
export const TEMPORAL_CLI_VERSION = '1.8.2';

/**
 * SHA-256 of the archives of that release. They are written down here because a list beside the archives could be changed together
 * with them. With a new version take them from `checksums.txt` of the release, and compare with what others have pinned.
 */
export const TEMPORAL_CLI_ARCHIVES: Readonly<Record<string, string>> = {
  'linux_amd64.tar.gz': 'd8421bda989e6514b4bdb4d63a9012a8a05a806892e881a5aad8510496349a94',
  'linux_arm64.tar.gz': '83600a8fac6e3da54093e5da6918d399f501532b9f1172235603f9606f4ac6e4',
  'darwin_amd64.tar.gz': '489d7f5420cae02b559774ac23df035141954c33a51dba96f5759a0ddccdf1b6',
  'darwin_arm64.tar.gz': 'dacdc3587682c04cf27e67c8878ca2d755230b6ad63c0c6ebddd7348ae90ed94',
  'windows_amd64.zip': '72e02498fa7849657c369377f7de69a8709b3d2183b6f2749f6c8bd54a984501',
};

/** The archive unpacks in about 2 s; the rest is for a busy machine. */
const UNPACK_TIMEOUT_MS = 120_000;

export interface TemporalCliDownload {
  /** The folder of the cache that is filled. */
  readonly folder: string;
  /** The executable in it. */
  readonly executable: string;
  readonly report: Progress;
  /** The official one for this platform by default. */
  readonly archive?: Archive;
}

/** Where an archive is, and what it must be. */
export interface Archive {
  readonly url: string;
  readonly sha256: string;
}

/**
 * Fetches the official archive of the Temporal CLI into the cache.
 * @throws Error within 10 s when the site cannot be reached, when there is no archive for this platform, when the archive is not the
 * one whose SHA-256 is known, and when what it holds does not run
 */
export function downloadTemporalCli({ folder, executable, report, archive }: TemporalCliDownload): Promise<void> {
  return withProgress(report, `Downloading the Temporal CLI ${TEMPORAL_CLI_VERSION}`, () =>
    installAtomically(folder, async (staging) => {
      const file = join(staging, 'archive');
      const { url, sha256 } = archive ?? archiveFor(process.platform, process.arch);
      await downloadChecked(url, file, sha256);
      // tar is part of every platform that the archive is made for; the one of Windows reads zip as well.
      await runCommand('tar', ['-xf', file, '-C', staging], { timeoutMs: UNPACK_TIMEOUT_MS });
      await rm(file);
      await runCommand(join(staging, basename(executable)), ['--version'], { timeoutMs: UNPACK_TIMEOUT_MS });
    }),
  );
}

/** @throws Error when no archive of this platform is known */
export function archiveFor(platform: NodeJS.Platform, arch: string): Archive {
  const system = platform === 'win32' ? 'windows' : platform;
  const name = `${system}_${arch === 'x64' ? 'amd64' : arch}.${platform === 'win32' ? 'zip' : 'tar.gz'}`;
  const sha256 = TEMPORAL_CLI_ARCHIVES[name];
  if (sha256 === undefined) throw new Error(`No archive of the Temporal CLI is known for ${system} on ${arch}`);
  const release = `https://github.com/temporalio/cli/releases/download/v${TEMPORAL_CLI_VERSION}`;
  return { url: `${release}/temporal_cli_${TEMPORAL_CLI_VERSION}_${name}`, sha256 };
}

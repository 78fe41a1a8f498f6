import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rm, chmod, rename } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { EnvHttpProxyAgent, request, interceptors } from 'undici';
import { inStaging, withProgress, installAtomically, runCommand, type Progress } from './tools.js';

/** Until the headers are there, redirects included: with what follows a download fails over within 10 s. */
const REACH_TIMEOUT_MS = 8_000;
/** A body that stands still for this long will not come. */
const IDLE_TIMEOUT_MS = 10_000;
/** The sites redirect to a release page and from there to storage. */
const MAX_REDIRECTS = 5;
/** A sum has 64 digits, and behind it stands the name of a file. */
const SUM_LINE = 1_024;

/**
 * Opens the body of a file on the internet, through the proxy of the environment if one is set there.
 * @param reachTimeoutMs 8 s by default
 * @throws Error when the site was not reached within that time or answers with another status than 200
 */
export async function openDownload(url: string, reachTimeoutMs = REACH_TIMEOUT_MS): Promise<Readable> {
  const dispatcher = new EnvHttpProxyAgent({ bodyTimeout: IDLE_TIMEOUT_MS }).compose(
    interceptors.redirect({ maxRedirections: MAX_REDIRECTS }),
  );
  const reached = new AbortController();
  const limit = setTimeout(() => {
    reached.abort(new Error(`The site was not reached within ${reachTimeoutMs / 1000} s`));
  }, reachTimeoutMs);
  try {
    const { statusCode, body } = await request(url, { dispatcher, signal: reached.signal });
    if (statusCode === 200) return body;
    drop(body);
    throw new Error(`The site answered with status ${statusCode}`);
  } finally {
    clearTimeout(limit);
  }
}

/**
 * Downloads a file whose content is known.
 * @throws Error as `openDownload` does, and when the content has another SHA-256; no file is there then
 */
export async function downloadChecked(url: string, file: string, sha256: string): Promise<void> {
  const hash = createHash('sha256');
  const body = await openDownload(url);
  body.on('data', (chunk: Buffer) => hash.update(chunk));
  await pipeline(body, createWriteStream(file));
  const found = hash.digest('hex');
  if (found === sha256) return;
  await rm(file, { force: true });
  throw new Error(`what came has the SHA-256 ${found} instead of ${sha256}, so it is not used`);
}

/**
 * The SHA-256 that a site tells beside a file, as `sha256sum` writes it.
 * @throws Error as `openDownload` does, and when what comes does not begin with one
 */
export async function downloadSum(url: string): Promise<string> {
  const body = await openDownload(url);
  let text = '';
  for await (const chunk of body.setEncoding('latin1')) {
    text += String(chunk);
    // Leaving the loop ends the download: it may have no end.
    if (text.length >= SUM_LINE) break;
  }
  const sha256 = /^[0-9a-f]{64}(?=\s|$)/i.exec(text)?.[0];
  if (sha256 === undefined) throw new Error('its download site tells no SHA-256 for the archive, so it is not used');
  return sha256.toLowerCase();
}

/** A body that is destroyed before its end emits an error, which is expected here. */
function drop(body: Readable): void {
  body.on('error', () => undefined).destroy();
}

/** The mongod that was downloaded before, or null. */
export async function findDownloadedMongod(folder: string): Promise<string | null> {
  const downloader = await loadDownloader();
  if (downloader === null) return null;
  const { DryMongoBinary } = downloader;
  return (await DryMongoBinary.locateBinary(DryMongoBinary.getEnsuredOptions({ downloadDir: folder }))) ?? null;
}

/**
 * Fetches the official mongod for this platform into the folder. The library knows which archive that is and how to unpack it; it does
 * not download it, because it checks no certificate then, and no more than an MD5.
 * @returns the path of the executable
 * @throws Error within 10 s when the site cannot be reached, when it tells no SHA-256 for the archive, and when the archive has
 * another one: nothing of it is kept then; Error that says what to install when the library is not there
 */
export async function downloadMongod(folder: string, report: Progress): Promise<string> {
  const downloader = await loadDownloader();
  if (downloader === null) throw new Error('mongodb-memory-server-core is not installed: npm ci without --omit=dev');
  const { DryMongoBinary } = downloader;
  const { MongoBinaryDownload } = await import('mongodb-memory-server-core/lib/util/MongoBinaryDownload.js');
  const { MongoBinaryDownloadUrl } = await import('mongodb-memory-server-core/lib/util/MongoBinaryDownloadUrl.js');
  const options = await DryMongoBinary.generateOptions({ downloadDir: folder });
  const executable = join(options.downloadDir, await DryMongoBinary.getBinaryName(options));
  const url = await new MongoBinaryDownloadUrl(options).getDownloadUrl();
  const sha256 = await downloadSum(`${url}.sha256`);
  await withProgress(report, 'Downloading MongoDB', () =>
    inStaging(executable, async (staging) => {
      const archive = join(staging, basename(new URL(url).pathname));
      await downloadChecked(url, archive, sha256);
      const unpacked = await new MongoBinaryDownload({ ...options, downloadDir: staging }).extract(archive);
      await chmod(unpacked, 0o755);
      // Without its sum the library takes an executable for one that was unpacked by half.
      await rename(`${unpacked}.md5`, `${executable}.md5`);
      await rename(unpacked, executable);
    }),
  );
  return executable;
}

/** Only development has it: an image for production runs no database and downloads nothing. */
async function loadDownloader() {
  try {
    const { DryMongoBinary } = await import('mongodb-memory-server-core');
    return { DryMongoBinary };
  } catch {
    return null;
  }
}

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

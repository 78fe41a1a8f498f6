import { chmod, rename } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { inStaging } from './install-atomically.js';
import { downloadChecked, downloadSum } from './open-download.js';
import { withProgress, type Progress } from './progress.js';

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

import { isReachable } from './open-download.js';
import { withProgress, type Progress } from './progress.js';

/** The mongod that was downloaded before, or null. */
export async function findDownloadedMongod(folder: string): Promise<string | null> {
  const downloader = await loadDownloader();
  if (downloader === null) return null;
  const { DryMongoBinary } = downloader;
  return (await DryMongoBinary.locateBinary(DryMongoBinary.getEnsuredOptions({ downloadDir: folder }))) ?? null;
}

/**
 * Fetches the official mongod for this platform into the folder; the library locks, checks the MD5 that the site tells and renames.
 * @returns the path of the executable
 * @throws Error within 10 s when the site cannot be reached: the library itself would try for minutes; Error that says what to
 * install when the library is not there
 */
export async function downloadMongod(folder: string, report: Progress): Promise<string> {
  const downloader = await loadDownloader();
  if (downloader === null) throw new Error('mongodb-memory-server-core is not installed: npm ci without --omit=dev');
  const { DryMongoBinary, MongoBinary } = downloader;
  const { MongoBinaryDownloadUrl } = await import('mongodb-memory-server-core/lib/util/MongoBinaryDownloadUrl.js');
  const options = await DryMongoBinary.generateOptions({ downloadDir: folder });
  const url = await new MongoBinaryDownloadUrl(options).getDownloadUrl();
  if (!(await isReachable(url))) throw new Error('its download site cannot be reached');
  return withProgress(report, 'Downloading MongoDB', () => MongoBinary.download({ ...options, checkMD5: true }));
}

/** Only development has it: an image for production runs no database and downloads nothing. */
async function loadDownloader() {
  try {
    const { DryMongoBinary, MongoBinary } = await import('mongodb-memory-server-core');
    return { DryMongoBinary, MongoBinary };
  } catch {
    return null;
  }
}

import { DryMongoBinary, MongoBinary } from 'mongodb-memory-server-core';
import { MongoBinaryDownloadUrl } from 'mongodb-memory-server-core/lib/util/MongoBinaryDownloadUrl.js';
import { isReachable } from './open-download.js';
import { withProgress, type Progress } from './progress.js';

/** The mongod that was downloaded before, or null. */
export async function findDownloadedMongod(folder: string): Promise<string | null> {
  return (await DryMongoBinary.locateBinary(DryMongoBinary.getEnsuredOptions({ downloadDir: folder }))) ?? null;
}

/**
 * Fetches the official mongod for this platform into the folder; the library locks, checks and renames.
 * @returns the path of the executable
 * @throws Error within 10 s when the site cannot be reached: the library itself would try for minutes
 */
export function downloadMongod(folder: string, report: Progress): Promise<string> {
  return withProgress(report, 'Downloading MongoDB', async () => {
    const options = await DryMongoBinary.generateOptions({ downloadDir: folder });
    const url = await new MongoBinaryDownloadUrl(options).getDownloadUrl();
    if (!(await isReachable(url))) throw new Error('The download site of MongoDB cannot be reached');
    return MongoBinary.download({ ...options, checkMD5: true });
  });
}

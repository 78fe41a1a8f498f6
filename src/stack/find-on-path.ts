import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

/** The first executable file of that name on PATH, or null. */
export async function findOnPath(
  name: string,
  env: NodeJS.ProcessEnv = process.env,
  platform: NodeJS.Platform = process.platform,
): Promise<string | null> {
  const fileName = platform === 'win32' ? `${name}.exe` : name;
  for (const folder of (env['PATH'] ?? '').split(delimiter)) {
    // An empty entry would mean the current folder: what happens to lie there is not an installed program.
    if (folder === '') continue;
    const file = join(folder, fileName);
    const usable = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (usable) return file;
  }
  return null;
}

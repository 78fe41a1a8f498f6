import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where servers that were downloaded or built are kept: the cache folder of the user, as each platform has it. */
export function cacheFolder(
  env: NodeJS.ProcessEnv = process.env,
  platform: NodeJS.Platform = process.platform,
): string {
  return join(userCache(env, platform), 'durable-import');
}

function userCache(env: NodeJS.ProcessEnv, platform: NodeJS.Platform): string {
  if (platform === 'win32') return env['LOCALAPPDATA'] ?? join(homedir(), 'AppData', 'Local');
  if (platform === 'darwin') return join(homedir(), 'Library', 'Caches');
  // XDG Base Directory Specification: an empty value counts as not set.
  return env['XDG_CACHE_HOME'] ? env['XDG_CACHE_HOME'] : join(homedir(), '.cache');
}

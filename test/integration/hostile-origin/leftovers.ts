import { readdir, readlink } from 'node:fs/promises';

/** What keeps a process alive or its server's sockets open, by kind: `TCPSocketWrap`, `Timeout` and the like. */
export function activeResources(): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}

/** Files under a folder that this process has open; only Linux tells. */
export async function openFilesUnder(folder: string): Promise<string[]> {
  const descriptors = await readdir('/proc/self/fd').catch(() => []);
  const targets = await Promise.all(descriptors.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => '')));
  return targets.filter((target) => target.startsWith(folder));
}

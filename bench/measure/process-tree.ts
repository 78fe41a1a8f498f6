import { readdir, readFile } from 'node:fs/promises';
import { parseProcStat, type ProcessStat } from './parse-proc.js';

/** What runs on this machine now, by process id; empty where there is no /proc. */
export async function readProcesses(): Promise<ReadonlyMap<number, ProcessStat>> {
  const names = await readdir('/proc').catch(() => []);
  const found = await Promise.all(names.filter((name) => /^\d+$/.test(name)).map(readStat));
  return new Map(found.filter((one) => one !== null));
}

async function readStat(pid: string): Promise<[number, ProcessStat] | null> {
  // Gone since it was listed.
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  return text === null ? null : [Number(pid), parseProcStat(text)];
}

/** The helper of tsx, which compiles a contender's TypeScript while it starts, and then only stays. */
const LOADER = 'esbuild';

/** The process and all that descend from it: PostgreSQL has a process for every connection. */
export function treeOf(root: number, processes: ReadonlyMap<number, ProcessStat>): number[] {
  if (!processes.has(root)) return [];
  const children = [...processes].filter(([, { parent, program }]) => parent === root && program !== LOADER);
  return [root, ...children.flatMap(([pid]) => treeOf(pid, processes))];
}

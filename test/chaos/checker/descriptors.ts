import { readdir, readFile, readlink } from 'node:fs/promises';

/** What a process holds open. */
export interface Descriptors {
  /** Sockets by the port at their other end; 0 for those that listen or are no TCP. */
  readonly sockets: ReadonlyMap<number, number>;
  /** Paths of open files, those that were removed since included. */
  readonly files: readonly string[];
  /** Pipes, event descriptors and the like. */
  readonly others: number;
}

/** proc(5) is Linux only; null elsewhere. */
export async function descriptorsOf(pid: number): Promise<Descriptors | null> {
  if (process.platform !== 'linux') return null;
  const folder = `/proc/${pid}/fd`;
  const ports = await remotePorts(pid);
  const sockets = new Map<number, number>();
  const files: string[] = [];
  let others = 0;
  for (const name of await readdir(folder)) {
    // Some are gone again before they can be looked at.
    const target = await readlink(`${folder}/${name}`).catch(() => null);
    const [, inode] = /^socket:\[(\d+)\]$/.exec(target ?? '') ?? [];
    if (inode !== undefined) {
      const port = ports.get(inode) ?? 0;
      sockets.set(port, (sockets.get(port) ?? 0) + 1);
    } else if (target?.startsWith('/') === true) files.push(target);
    else if (target !== null) others += 1;
  }
  return { sockets, files, others };
}

/** The other end's port of each TCP socket, by inode (proc_net(5): fields 3 and 10). */
async function remotePorts(pid: number): Promise<Map<string, number>> {
  const ports = new Map<string, number>();
  for (const table of ['tcp', 'tcp6']) {
    const lines = (await readFile(`/proc/${pid}/net/${table}`, 'utf8').catch(() => '')).split('\n').slice(1);
    for (const line of lines) {
      const fields = line.trim().split(/\s+/);
      const [remote, inode] = [fields[2], fields[9]];
      const port = remote?.split(':').at(-1);
      if (port !== undefined && inode !== undefined) ports.set(inode, Number.parseInt(port, 16));
    }
  }
  return ports;
}

export interface DescriptorLimits {
  /** Name of the process, for the sentence. */
  readonly name: string;
  readonly fresh: Descriptors;
  readonly worn: Descriptors;
  /** Ports to which nothing may be open when nothing is fetched or delivered. */
  readonly foreign: readonly number[];
  readonly mongodb: number;
  /** Files below this folder are closed when nothing is imported. */
  readonly blobs: string;
}

/** The pool of the driver keeps what it once needed, 100 by default, and a few sockets to watch the server. */
const POOL = 104;
/** Connections of gRPC are made anew before the old ones are gone; lazily loaded modules open a pipe or two. */
const ALLOWANCE = 6;

/** Compares a process that has lived through the run with what it held when it was new. */
export function leaks({ name, fresh, worn, foreign, mongodb, blobs }: DescriptorLimits): string[] {
  const found: string[] = [];
  for (const port of foreign)
    if ((worn.sockets.get(port) ?? 0) > 0)
      found.push(`${name} holds ${worn.sockets.get(port) ?? 0} sockets to port ${port}`);
  const pool = worn.sockets.get(mongodb) ?? 0;
  if (pool > POOL) found.push(`${name} holds ${pool} sockets to MongoDB`);
  const rest = (held: Descriptors): number =>
    [...held.sockets]
      .filter(([port]) => port !== mongodb && !foreign.includes(port))
      .reduce((sum, [, count]) => sum + count, 0);
  if (rest(worn) > rest(fresh) + ALLOWANCE)
    found.push(`${name} holds ${rest(worn)} other sockets, ${rest(fresh)} when it was new`);
  if (worn.others > fresh.others + ALLOWANCE)
    found.push(`${name} holds ${worn.others} pipes and the like, ${fresh.others} when it was new`);
  const stored = worn.files.filter((path) => path.startsWith(blobs));
  if (stored.length > 0) found.push(`${name} holds ${stored.length} files of the blob store open`);
  if (worn.files.length - stored.length > fresh.files.length + ALLOWANCE)
    found.push(`${name} holds ${worn.files.length} files, ${fresh.files.length} when it was new`);
  return found;
}

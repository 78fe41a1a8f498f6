import { readdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

/* Processor time and memory of processes, as /proc has them. */

/**
 * Whether this process was forked to run the module, which is otherwise imported by the process that forks it.
 * @param moduleUrl the module's `import.meta.url`
 */
export function isMainModule(moduleUrl: string): boolean {
  return process.argv[1] === fileURLToPath(moduleUrl);
}

export interface ProcessFigures {
  /** User and system time in the window, with all children. */
  readonly cpuSeconds: number;
  /** Largest resident set in the window; of several processes the sum, which counts what they share several times. */
  readonly peakBytes: number;
  /** Largest resident set since the process began. */
  readonly lifetimePeakBytes: number;
}

/** Process ids by what the process is called. */
export type Pids = Readonly<Record<string, number>>;

export interface ProcessWatch {
  /** Opens a window; the function it answers closes it. Figures are empty where there is no /proc. */
  open(pids: Pids): Promise<() => Promise<Record<string, ProcessFigures>>>;
}

/**
 * Reads processor time and memory of processes from /proc. The kernel itself keeps the peak: it is set back when a window opens
 * (`5` in /proc/<pid>/clear_refs, man 5 proc_pid_clear_refs), so nothing is sampled and nothing is missed.
 */
export function createProcessWatch(): ProcessWatch {
  const highest = new Map<number, number>();

  async function peakOf(pid: number): Promise<number> {
    const peak = parsePeakBytes(await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')) ?? 0;
    highest.set(pid, Math.max(peak, highest.get(pid) ?? 0));
    return peak;
  }

  async function resetPeak(pid: number): Promise<void> {
    await peakOf(pid);
    // Of another user's process it cannot be set back: the window then shows the peak of its life.
    await writeFile(`/proc/${pid}/clear_refs`, '5').catch(() => undefined);
  }

  async function cpuOf(pids: Pids): Promise<Map<string, { members: number[]; cpuSeconds: number }>> {
    const processes = await readProcesses();
    const known = Object.entries(pids).filter(([, pid]) => processes.has(pid));
    return new Map(
      known.map(([name, pid]) => {
        // All processes that are measured descend from this one: it counts alone.
        const members = pid === process.pid ? [pid] : treeOf(pid, processes);
        return [name, { members, cpuSeconds: sum(members.map((member) => processes.get(member)?.cpuSeconds ?? 0)) }];
      }),
    );
  }

  return {
    async open(pids) {
      const before = await cpuOf(pids);
      await Promise.all([...before.values()].flatMap(({ members }) => members.map(resetPeak)));
      return async () => {
        const after = await cpuOf(pids);
        const figures = [...after].map(async ([name, { members, cpuSeconds }]): Promise<[string, ProcessFigures]> => {
          const peaks = await Promise.all(members.map(peakOf));
          return [
            name,
            {
              cpuSeconds: cpuSeconds - (before.get(name)?.cpuSeconds ?? 0),
              peakBytes: sum(peaks),
              lifetimePeakBytes: sum(members.map((member) => highest.get(member) ?? 0)),
            },
          ];
        });
        return Object.fromEntries(await Promise.all(figures));
      };
    },
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** What runs on this machine now, by process id; empty where there is no /proc. */
async function readProcesses(): Promise<ReadonlyMap<number, ProcessStat>> {
  const names = await readdir('/proc').catch(() => []);
  const found = await Promise.all(names.filter((name) => /^\d+$/.test(name)).map(readStat));
  return new Map(found.filter((one) => one !== null));
}

async function readStat(pid: string): Promise<[number, ProcessStat] | null> {
  // Gone since it was listed.
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  return text === null ? null : [Number(pid), parseProcStat(text)];
}

/** The helper process of tsx: it compiles a contender's TypeScript while that starts, and is idle afterwards. */
const LOADER = 'esbuild';

/** The process and all that descend from it: PostgreSQL has a process for every connection. */
export function treeOf(root: number, processes: ReadonlyMap<number, ProcessStat>): number[] {
  if (!processes.has(root)) return [];
  const children = [...processes].filter(([, { parent, program }]) => parent === root && program !== LOADER);
  return [root, ...children.flatMap(([pid]) => treeOf(pid, processes))];
}

/** Clock ticks a second in /proc (USER_HZ): 100 on every architecture that Node runs on (man 5 proc, man 3 sysconf). */
const TICKS_PER_SECOND = 100;

export interface ProcessStat {
  /** The name of its program, at most 15 characters. */
  readonly program: string;
  readonly parent: number;
  /** User and system time of the process and of the children it has waited for. */
  readonly cpuSeconds: number;
}

/** Reads `/proc/<pid>/stat` (man 5 proc_pid_stat). @throws Error when it is not one */
export function parseProcStat(text: string): ProcessStat {
  // The second field is the name of the program in parentheses, which may itself hold spaces and parentheses.
  const program = text.slice(text.indexOf('(') + 1, text.lastIndexOf(')'));
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [, parent] = fields;
  // Fields 14 to 17: utime, stime, cutime, cstime; the third one is the first here.
  const ticks = fields.slice(11, 15).map(Number);
  if (parent === undefined || ticks.length !== 4 || ticks.some(Number.isNaN)) throw new Error('Not a /proc/<pid>/stat');
  const cpuSeconds = ticks.reduce((sum, one) => sum + one, 0) / TICKS_PER_SECOND;
  return { program, parent: Number(parent), cpuSeconds };
}

/** VmHWM of `/proc/<pid>/status`, the largest resident set, in bytes; null for what has none (a zombie, a kernel thread). */
export function parsePeakBytes(text: string): number | null {
  const kib = /^VmHWM:\s*(\d+) kB$/m.exec(text)?.[1];
  return kib === undefined ? null : Number(kib) * 1024;
}

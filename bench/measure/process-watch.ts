import { readFile, writeFile } from 'node:fs/promises';
import { parsePeakBytes } from './parse-proc.js';
import { readProcesses, treeOf } from './process-tree.js';

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
        // Everything descends from this process.
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

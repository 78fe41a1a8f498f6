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

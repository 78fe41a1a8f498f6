import { readFile } from 'node:fs/promises';
import { runCommand } from './run-command.js';

/** What tells one process from another that got the same id later. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Opaque; equal for equal processes, and different after a restart of the machine. */
  readonly startedAt: string;
  readonly command: string;
}

/** Only where there is no /proc; ps itself answers at once. */
const PS_TIMEOUT_MS = 5_000;

/** Looks at a process; null when there is none, when it has ended but has not been reaped, or when it cannot be seen. */
export async function identifyProcess(pid: number): Promise<ProcessIdentity | null> {
  return process.platform === 'linux' ? identifyOnLinux(pid) : identifyWithPs(pid);
}

/** Whether that very process still runs. */
export async function isStillThere(known: ProcessIdentity): Promise<boolean> {
  const found = await identifyProcess(known.pid);
  return found !== null && found.startedAt === known.startedAt && found.command === known.command;
}

async function identifyOnLinux(pid: number): Promise<ProcessIdentity | null> {
  try {
    const [stat, commandLine, boot] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readFile(`/proc/${pid}/cmdline`, 'utf8'),
      readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
    ]);
    // proc(5): the name in parentheses may hold anything, so fields are counted from its end; state is field 3, starttime 22.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, startTicks] = [fields[0], fields[19]];
    if (state === 'Z' || state === 'X' || startTicks === undefined) return null;
    const command = commandLine.split('\0').join(' ').trim();
    return { pid, startedAt: `${boot.trim()}:${startTicks}`, command };
  } catch {
    return null;
  }
}

async function identifyWithPs(pid: number): Promise<ProcessIdentity | null> {
  const field = async (name: string): Promise<string> => {
    const { stdout } = await runCommand('ps', ['-o', `${name}=`, '-p', String(pid)], { timeoutMs: PS_TIMEOUT_MS });
    return stdout.trim();
  };
  try {
    const [startedAt, command, state] = await Promise.all([field('lstart'), field('command'), field('state')]);
    return command === '' || state.startsWith('Z') ? null : { pid, startedAt, command };
  } catch {
    return null;
  }
}

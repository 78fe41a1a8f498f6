import { z } from 'zod';

/** What is read of a .cpuprofile (the Chrome DevTools protocol's Profiler.Profile). */
export const CpuProfile = z.object({
  nodes: z.array(
    z.object({
      id: z.number(),
      callFrame: z.object({ functionName: z.string(), url: z.string(), lineNumber: z.number() }),
    }),
  ),
  samples: z.array(z.number()),
  /** Microseconds before each sample. */
  timeDeltas: z.array(z.number()),
});
export type CpuProfile = z.infer<typeof CpuProfile>;

export interface HotFunction {
  /** Function, file and line. */
  readonly where: string;
  /** Of the time in which the thread was not idle. */
  readonly share: number;
}

/** Idle time, and the inspector's own: beginning and ending the profile. */
const NOT_WORK = new Set(['(idle)', 'dispatch']);

/** Functions by the time spent in themselves, the most first. */
export function hotFunctions({ nodes, samples, timeDeltas }: CpuProfile, limit: number): HotFunction[] {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const micros = new Map<string, number>();
  samples.forEach((id, index) => {
    const name = names.get(id) ?? '';
    if (!NOT_WORK.has(name)) micros.set(name, (micros.get(name) ?? 0) + (timeDeltas[index] ?? 0));
  });
  const busy = [...micros.values()].reduce((sum, one) => sum + one, 0);
  return [...micros]
    .toSorted(([, a], [, b]) => b - a)
    .slice(0, limit)
    .map(([where, time]) => ({ where, share: time / busy }));
}

function nameOf({ functionName, url, lineNumber }: CpuProfile['nodes'][number]['callFrame']): string {
  // The last folders say enough, and nothing of the machine.
  const file = url.split('/').slice(-3).join('/');
  const name = functionName === '' ? '(anonymous)' : functionName;
  return file === '' ? name : `${name} ${file}:${lineNumber + 1}`;
}

import { mkdir, mkdtemp, readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { count, markdownTable, round } from './figures.js';
import { importThroughService } from './stack/import-client.js';
import { type Bench, withBench } from './stack/with-bench.js';

const PRELOAD = fileURLToPath(new URL('profile-preload.mjs', import.meta.url));
/** Ends a hang: writing the profile of a minute takes a second or two. */
const WRITTEN_WITHIN_MS = 60_000;

/**
 * CPU profiles of gateway and worker with their threads, while they import: .cpuprofile files, which speedscope and the DevTools of
 * Chrome show as flame graphs, and how late their event loops were. Profiling costs time: the rate is no result.
 */
export async function profile(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      items: { type: 'string', default: '10000' },
      bytes: { type: 'string', default: '16384' },
      'warm-up': { type: 'string', default: '3000' },
      folder: { type: 'string' },
      top: { type: 'string', default: '15' },
    },
  });
  const items = Number(values.items);
  const bytes = Number(values.bytes);
  const folder =
    values.folder === undefined ? await mkdtemp(join(tmpdir(), 'durable-import-profile-')) : resolve(values.folder);
  await mkdir(folder, { recursive: true });
  const env = {
    NODE_OPTIONS: `${process.env['NODE_OPTIONS'] ?? ''} --import ${PRELOAD}`.trim(),
    BENCH_PROFILE_DIR: folder,
  };
  await withBench(
    async (bench) => {
      const service = { api: bench.api, token: bench.token, origin: bench.origin.origin };
      await importThroughService({ ...service, run: { name: 'warm-up', items: Number(values['warm-up']), bytes } });
      toggle(bench);
      const { seconds } = await importThroughService({ ...service, run: { name: 'profiled', items, bytes } });
      toggle(bench);
      await untilWritten(folder);
      bench.report(`${count(items / seconds)} items/s while profiled`);
    },
    { env },
  );
  for (const file of (await readdir(folder)).filter((name) => name.endsWith('.cpuprofile'))) {
    const name = file.replace('.cpuprofile', '');
    const recorded = CpuProfile.parse(JSON.parse(await readFile(join(folder, file), 'utf8')));
    const rows = hotFunctions(recorded, Number(values.top)).map(({ where, share }) => [
      where,
      `${round(share * 100, 1)} %`,
    ]);
    const late = await readFile(join(folder, `${name}.delay.json`), 'utf8').catch(() => '');
    process.stdout.write(
      `${name}, event loop late by (ms) ${late}\n${markdownTable(['Function', 'Own time'], rows)}\n\n`,
    );
  }
  process.stderr.write(`Profiles: ${folder}\n`);
}

/** Begins or ends the profiles of both processes. */
function toggle({ pids }: Bench): void {
  for (const name of ['gateway', 'worker']) {
    const pid = pids[name];
    if (pid !== undefined) process.kill(pid, 'SIGUSR2');
  }
}

/** The delays are written after the profile of the same thread. */
async function untilWritten(folder: string): Promise<void> {
  const deadline = Date.now() + WRITTEN_WITHIN_MS;
  const isThere = (files: string[]): boolean =>
    ['gateway', 'worker'].every((name) => files.includes(`${name}.delay.json`));
  while (!isThere(await readdir(folder))) {
    if (Date.now() > deadline) throw new Error(`No profile was written to ${folder}`);
    await delay(100);
  }
}

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

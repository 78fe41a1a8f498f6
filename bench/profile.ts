import { mkdir, mkdtemp, readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { importThroughService } from './contenders/service.js';
import { CpuProfile, hotFunctions } from './profile/hot-functions.js';
import { markdownTable } from './report/markdown-table.js';
import { count, round } from './report/units.js';
import { type Bench, withBench } from './setup/with-bench.js';

/*
 * CPU profiles of gateway and worker, their threads among them, while they import: .cpuprofile files, which speedscope and the
 * DevTools of Chrome show as flame graphs, and how late their event loops were. Profiling costs time: its rates are no figures.
 */
const { values } = parseArgs({
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
const preload = fileURLToPath(new URL('profile/preload.mjs', import.meta.url));
/** Writing a profile of a minute takes a second or two. */
const WRITTEN_WITHIN_MS = 60_000;

/** Begins or ends the profiles of both processes. */
function toggle({ pids }: Bench): void {
  for (const name of ['gateway', 'worker']) {
    const pid = pids[name];
    if (pid !== undefined) process.kill(pid, 'SIGUSR2');
  }
}

/** The delays are written after the profile of the same thread. */
async function untilWritten(): Promise<void> {
  const deadline = Date.now() + WRITTEN_WITHIN_MS;
  const isThere = (files: string[]): boolean =>
    ['gateway', 'worker'].every((name) => files.includes(`${name}.delay.json`));
  while (!isThere(await readdir(folder))) {
    if (Date.now() > deadline) throw new Error(`No profile was written to ${folder}`);
    await delay(100);
  }
}

const env = {
  NODE_OPTIONS: `${process.env['NODE_OPTIONS'] ?? ''} --import ${preload}`.trim(),
  BENCH_PROFILE_DIR: folder,
};
await withBench(
  async (bench) => {
    const service = { api: bench.api, token: bench.token, origin: bench.origin.origin };
    await importThroughService({ ...service, run: { name: 'warm-up', items: Number(values['warm-up']), bytes } });
    toggle(bench);
    const { seconds } = await importThroughService({ ...service, run: { name: 'profiled', items, bytes } });
    toggle(bench);
    await untilWritten();
    bench.report(`${count(items / seconds)} items/s while profiled`);
  },
  { env },
);
for (const file of (await readdir(folder)).filter((name) => name.endsWith('.cpuprofile'))) {
  const name = file.replace('.cpuprofile', '');
  const profile = CpuProfile.parse(JSON.parse(await readFile(join(folder, file), 'utf8')));
  const rows = hotFunctions(profile, Number(values.top)).map(({ where, share }) => [
    where,
    `${round(share * 100, 1)} %`,
  ]);
  const late = await readFile(join(folder, `${name}.delay.json`), 'utf8').catch(() => '');
  process.stdout.write(
    `${name}, event loop late by (ms) ${late}\n${markdownTable(['Function', 'Own time'], rows)}\n\n`,
  );
}
process.stderr.write(`Profiles: ${folder}\n`);

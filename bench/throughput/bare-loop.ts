import { seconds } from '../figures.js';
import type { Bench } from '../stack/with-bench.js';
import { BARE_LOOP, type Contender, jobOf, type WorkSettings, workSettings } from './contender.js';
import { createItemWork, forkRunner, serveRuns } from './runner.js';

/** As many as eight pages of a sweep have in flight. */
const CONCURRENCY = 128;

/** (a) The physical limit: the same work and nothing that would survive the death of the process. */
export async function startBareLoop(bench: Bench): Promise<Contender> {
  const settings = workSettings(bench, 'bare-loop');
  const runner = await forkRunner(import.meta.url, settings);
  bench.cleanup.add(() => runner.close());
  const { mongodb = 0, origin = 0 } = bench.pids;
  return {
    name: BARE_LOOP,
    description: `one process, ${CONCURRENCY} items in flight, grouped writes, nothing durable`,
    pids: { loop: runner.pid, mongodb, origin },
    blobs: settings.root,
    run: async (run) => ({ seconds: await seconds(() => runner.run(run)), history: null }),
  };
}

/** Works on `0` to `total - 1` with so many in flight. The first failure ends it. */
async function inFlight(total: number, width: number, work: (seq: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let seq = next++; seq < total; seq = next++) await work(seq);
  };
  await Promise.all(Array.from({ length: Math.min(width, total) }, lane));
}

await serveRuns(import.meta.url, async (argument) => {
  const settings = JSON.parse(argument) as WorkSettings;
  const work = await createItemWork(settings);
  return {
    run: (run) => inFlight(run.items, CONCURRENCY, (seq) => work.importItem(jobOf(settings.origin, run, seq))),
    close: () => work.close(),
  };
});

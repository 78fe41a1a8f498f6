import type { Bench } from '../setup/with-bench.js';
import type { Contender } from './contender.js';
import { forkRunner } from './fork-runner.js';
import { BARE_LOOP } from './names.js';
import { seconds } from './seconds.js';
import { workSettings } from './work-settings.js';

/** (a) The physical limit: the same work and nothing that would survive the death of the process. */
export async function startBareLoop(bench: Bench): Promise<Contender> {
  const settings = workSettings(bench, 'bare-loop');
  const runner = await forkRunner('bare-loop-process.ts', settings);
  bench.cleanup.add(() => runner.close());
  const { mongodb = 0, origin = 0 } = bench.pids;
  return {
    name: BARE_LOOP,
    description: 'one process, 128 items in flight, grouped writes, nothing durable',
    pids: { loop: runner.pid, mongodb, origin },
    blobs: settings.root,
    run: async (run) => ({ seconds: await seconds(() => runner.run(run)), history: null }),
  };
}

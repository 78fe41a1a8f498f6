import { Missing } from '../setup/missing.js';
import type { SkippedPart } from '../measure/run-record.js';
import type { Bench } from '../setup/with-bench.js';
import type { Contender } from './contender.js';
import { BULLMQ, PG_BOSS } from './names.js';
import { startBareLoop } from './start-bare-loop.js';
import { type QueueTuning, startBullmq } from './start-bullmq.js';
import { startNaive } from './start-naive.js';
import { startPgBoss } from './start-pg-boss.js';
import { startService } from './start-service.js';

export interface Contenders {
  readonly started: Contender[];
  readonly skipped: SkippedPart[];
}

/** Starts all five; one whose server is not installed is skipped, with the reason. */
export async function startContenders(bench: Bench, bullmq: QueueTuning): Promise<Contenders> {
  const started = [await startBareLoop(bench), await startNaive(bench), await startService(bench)];
  return withOptional(bench, started, {
    [BULLMQ]: () => startBullmq(bench, bullmq),
    [PG_BOSS]: () => startPgBoss(bench, { tuned: true }),
  });
}

/** The two products as they are before anybody tunes them. */
export function startUntuned(bench: Bench): Promise<Contenders> {
  return withOptional(bench, [], {
    [`${BULLMQ}, defaults`]: () => startBullmq(bench, { concurrency: 1 }),
    [`${PG_BOSS}, defaults`]: () => startPgBoss(bench, { tuned: false }),
  });
}

async function withOptional(
  { report }: Bench,
  started: Contender[],
  optional: Readonly<Record<string, () => Promise<Contender>>>,
): Promise<Contenders> {
  const skipped: SkippedPart[] = [];
  for (const [what, start] of Object.entries(optional)) {
    try {
      started.push(await start());
    } catch (error) {
      if (!(error instanceof Missing)) throw error;
      skipped.push({ what, reason: error.message });
      report(`Skipping ${what}: ${error.message}`);
    }
  }
  return { started, skipped };
}

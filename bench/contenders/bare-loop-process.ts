import { jobOf } from './contender.js';
import { inFlight } from './in-flight.js';
import { createItemWork, type WorkSettings } from './item-work.js';
import { serveRuns } from './serve-runs.js';

/** As many as eight pages of a sweep have in flight. */
const CONCURRENCY = 128;

const settings = JSON.parse(process.argv[2] ?? '') as WorkSettings;

/** The same work in a loop without any durability: what it forgets when it dies is everything it has not done yet. */
await serveRuns(async () => {
  const work = await createItemWork(settings);
  return {
    run: (run) => inFlight(run.items, CONCURRENCY, (seq) => work.importItem(jobOf(settings.origin, run, seq))),
    close: () => work.close(),
  };
});

import { readFile } from 'node:fs/promises';
import { identifyProcess } from '../../src/local-stack/processes.js';
import { eventually } from '../support/eventually.js';
import { descriptorsOf, leaks, type Descriptors } from './checker/descriptors.js';
import { gatherFacts } from './checker/facts.js';
import { checkGarbage } from './checker/garbage.js';
import { brokenInvariants } from './checker/invariants.js';
import { checkLogs } from './checker/logs.js';
import { findDiskTroubles } from './harness/disk-trouble.js';
import { postEverything } from './harness/load.js';
import { createMonkey, type Tally } from './harness/monkey.js';
import { SERVICES, type ServiceName } from './harness/processes.js';
import { createRandom } from './harness/random.js';
import { lookAt, untilSettled } from './harness/settled.js';
import { createContents, type SourceFile } from './harness/source-files.js';
import { startWorld, type World } from './harness/world.js';
import type { ChaosSettings } from './settings.js';

export interface ChaosOptions extends ChaosSettings {
  readonly seed: number;
  /** Ends the run; everything that it has started is stopped then. */
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

export interface ChaosReport {
  readonly seed: number;
  readonly items: number;
  readonly batches: number;
  readonly tally: Tally;
  /** What could not be done on this machine, and why. */
  readonly missing: readonly string[];
  readonly requests: number;
  readonly servedBytes: number;
  readonly ranges: number;
  readonly notModified: number;
  readonly seconds: number;
  /** What is not as it has to be, by the invariant that it breaks. */
  readonly broken: Readonly<Record<string, readonly string[]>>;
  /** Kept when something is broken, else null. */
  readonly logs: string | null;
}

const PROGRESS_MS = 10_000;
/** Idle connections to sources and receivers are given up after 4 s. */
const CALM_MS = 30_000;

/** Runs the product, breaks things, waits until all is settled and checks what has to be true then. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { seed, items, forMs, say, signal } = options;
  say(`The seed is ${seed}`);
  const startedAt = Date.now();
  const random = createRandom(seed);
  const contents = createContents(seed, options.largestBytes);
  const world = await startWorld({ contents, random: random.fork(), say });
  let broken: Record<string, string[]> = { 'the run came to its end': ['It broke off'] };
  let progress: NodeJS.Timeout | undefined;
  try {
    const fresh = await descriptorsOfAll(world);
    const { troubles, missing } = await findDiskTroubles(world.blobs);
    for (const reason of missing) say(reason);
    const monkey = createMonkey({ world, random: random.fork(), troubles, pauseMs: options.pauseMs });
    progress = sayProgress(world, monkey.tally);
    const load = { world, random: random.fork(), items, forMs, largeEvery: options.largeEvery, signal };
    const [posts] = await Promise.all([postEverything(load), monkey.run(forMs, signal)]);
    say('Nothing is broken any more');
    await untilSettled(world, posts, { withinMs: options.settleMs, signal });

    const since = (file: SourceFile, version: number): ReadonlySet<string> => {
      const versions = Array.from(
        { length: world.origin.versions.current(file) - version + 1 },
        (_, more) => version + more,
      );
      return new Set(versions.map((each) => contents.sha256(file, each)));
    };
    const facts = await gatherFacts(world, posts, since);
    broken = {
      ...brokenInvariants(facts),
      ...named('nothing is left open', await findLeaks(world, fresh)),
      ...named('only what is referenced is left after a collection', await checkGarbage(world)),
    };
    await world.stop();
    broken = {
      ...broken,
      ...named('no process is left', await leftProcesses(world)),
      ...named('no log tells of a bug', await checkLogs(world.logs)),
    };
    return {
      seed,
      items: facts.items.length,
      batches: facts.batches.length,
      tally: monkey.tally,
      missing,
      requests: world.origin.served.requests,
      servedBytes: world.origin.served.bytes,
      ranges: world.origin.served.ranges,
      notModified: world.origin.served.notModified,
      seconds: Math.round((Date.now() - startedAt) / 1000),
      broken,
      logs: Object.keys(broken).length > 0 ? world.logs : null,
    };
  } finally {
    clearInterval(progress);
    await world.stop();
    if (Object.keys(broken).length === 0) world.remove();
    else say(`The seed was ${seed}; data and logs are in ${world.folder}`);
  }
}

function named(name: string, sentences: string[]): Record<string, string[]> {
  return sentences.length === 0 ? {} : { [name]: sentences };
}

function sayProgress(world: World, tally: Tally): NodeJS.Timeout {
  const startedAt = Date.now();
  return setInterval(() => {
    const seconds = Math.round((Date.now() - startedAt) / 1000);
    const acts = Object.values(tally).reduce((sum, count) => sum + count, 0);
    lookAt(world).then(
      ({ items, open, running }) => {
        world.say(
          `${seconds} s: ${items - open} of ${items} items settled, ${running} batches run, ${acts} things broken`,
        );
      },
      () => {
        world.say(`${seconds} s: MongoDB is away, ${acts} things broken`);
      },
    );
  }, PROGRESS_MS);
}

async function descriptorsOfAll({ processes }: World): Promise<Map<ServiceName, Descriptors>> {
  const found = new Map<ServiceName, Descriptors>();
  for (const name of SERVICES) {
    const descriptors = await descriptorsOf(processes.pid(name));
    if (descriptors !== null) found.set(name, descriptors);
  }
  return found;
}

/** Waits until idle connections are given up; what is held after that is a leak. */
async function findLeaks(world: World, fresh: ReadonlyMap<ServiceName, Descriptors>): Promise<string[]> {
  const { links, sink, blobs } = world;
  const foreign = [links['worker-origin'].port, sink.port];
  let found: string[] = [];
  const look = async (): Promise<boolean> => {
    const held = await descriptorsOfAll(world);
    found = [...held].flatMap(([name, worn]) => {
      const mongodb = links[name.startsWith('worker') ? 'worker-mongodb' : 'gateway-mongodb'].port;
      const before = fresh.get(name);
      return before === undefined ? [] : leaks({ name, fresh: before, worn, foreign, mongodb, blobs });
    });
    return found.length === 0;
  };
  await eventually('processes that hold nothing open', look, CALM_MS).catch(() => undefined);
  return found;
}

/** Processes of the run that are still alive, and dead ones that have not been reaped. */
async function leftProcesses({ processes }: World): Promise<string[]> {
  const left = await Promise.all(
    processes.pids().map(async (pid) => {
      // proc(5): the state follows the name, which is in parentheses and may hold anything.
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
      if (/\) Z (?!.*\))/.test(stat)) return `Process ${pid} is dead and not collected`;
      return (await identifyProcess(pid)) === null ? null : `Process ${pid} still runs`;
    }),
  );
  return left.filter((sentence) => sentence !== null);
}

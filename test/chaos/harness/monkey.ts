import { setTimeout as pause } from 'node:timers/promises';
import { TOXIC_KINDS, type Toxic } from '../../servers/fault-proxy/toxic.js';
import { collectNow } from './collector.js';
import type { DiskTrouble } from './disk-trouble.js';
import type { ProcessName } from './processes.js';
import type { Random } from './random.js';
import { LINKS, type World } from './world.js';

const VICTIMS = ['worker', 'gateway', 'temporal', 'mongodb'] as const;
type Victim = (typeof VICTIMS)[number];

type Act =
  | { readonly kind: 'kill'; readonly victim: Victim }
  | { readonly kind: 'toxic'; readonly toxic: Toxic['kind'] }
  | { readonly kind: 'disk'; readonly trouble: DiskTrouble }
  | { readonly kind: 'collect' };

interface Occasion {
  /** In the second half of the run. */
  readonly isLate: boolean;
  /** It was not done yet. */
  readonly isDue: boolean;
}

/** How many times each thing was done, by its name. */
export type Tally = Readonly<Record<string, number>>;

export interface Monkey {
  /** Acts until the time is up and everything was done at least once, then heals what it did. @throws when stopped */
  run(forMs: number, signal: AbortSignal): Promise<void>;
  readonly tally: Tally;
}

export interface MonkeyOptions {
  readonly world: World;
  readonly random: Random;
  readonly troubles: readonly DiskTrouble[];
  /** Bounds of the pause between two acts. */
  readonly pauseMs: readonly [number, number];
}

/** How often an act is chosen beside the others. A MongoDB server is expected to be killed less often than what it serves. */
const WEIGHTS = { worker: 6, gateway: 4, temporal: 3, mongodb: 1, toxic: 7, disk: 2, collect: 1 } as const;
/** How long a link or a disk is bad. */
const BAD_MS = [1_000, 4_000] as const;
/**
 * Instead of two days. An attempt that has stored its blob writes its media or fails within the 15 s that the driver looks for its
 * server, twice at most: the rest is for a machine that is busy.
 */
const GARBAGE_AGE_MS = 90_000;

/** Breaks things, chosen by chance from the seed; everything once before anything by chance. */
export function createMonkey({ world, random, troubles, pauseMs }: MonkeyOptions): Monkey {
  const tally: Record<string, number> = {};
  const healing = new Set<Promise<void>>();
  let disk = Promise.resolve();

  const count = (name: string): void => {
    tally[name] = (tally[name] ?? 0) + 1;
    world.say(name);
  };
  /** Undone after a while, or at once when the run ends. */
  const later = (stop: AbortSignal, heal: () => Promise<void>): Promise<void> => {
    const healed = pause(random.int(...BAD_MS), undefined, { signal: stop })
      .catch(() => undefined)
      .then(heal);
    healing.add(healed);
    void healed.finally(() => healing.delete(healed));
    return healed;
  };

  const kill = (victim: Victim, { isLate, isDue }: Occasion): void => {
    // Late in the run the second of each service is spared: a leak shows in a process that lives.
    const number = isLate ? 1 : random.int(1, 2);
    const name: ProcessName =
      victim === 'worker' || victim === 'gateway' ? (`${victim}-${number}` as ProcessName) : victim;
    // On a slow machine nothing would ever be up if whatever starts were killed again; now and then it is.
    const isTimely = world.processes.isReady(name) || random.chance(0.25);
    if (!isTimely && !isDue) return;
    count(`kill ${victim}`);
    world.processes.kill(name);
  };
  const poison = async (kind: Toxic['kind'], stop: AbortSignal): Promise<void> => {
    // Bodies that break in the middle are what there is most of in the world.
    const healthy = [...LINKS, 'worker-origin' as const].filter((name) => world.links[name].toxic === null);
    if (healthy.length === 0) return;
    const link = world.links[random.pick(healthy)];
    count(`toxic ${kind}`);
    await link.set(aToxic(kind, random));
    void later(stop, () => link.set(null));
  };
  const trouble = async (chosen: DiskTrouble, stop: AbortSignal): Promise<void> => {
    // One after the other: they use the same folder.
    await disk;
    count(chosen.name);
    await chosen.begin();
    disk = later(stop, () => chosen.end());
  };
  /** In the middle of imports, of what was stored a while ago: nothing that is referred to, or about to be, may go. */
  const collect = (): void => {
    count('collect garbage');
    const collected = collectNow(world.collector, GARBAGE_AGE_MS).catch((error: unknown) => {
      world.say(`garbage was not collected: ${error instanceof Error ? error.name : String(error)}`);
    });
    healing.add(collected.then(() => undefined));
  };
  const act = async (next: Act, stop: AbortSignal, occasion: Occasion): Promise<void> => {
    if (next.kind === 'kill') kill(next.victim, occasion);
    else if (next.kind === 'toxic') await poison(next.toxic, stop);
    else if (next.kind === 'disk') await trouble(next.trouble, stop);
    else collect();
  };

  const everything = (): Act[] => [
    ...VICTIMS.map((victim): Act => ({ kind: 'kill', victim })),
    ...TOXIC_KINDS.map((toxic): Act => ({ kind: 'toxic', toxic })),
    ...troubles.map((each): Act => ({ kind: 'disk', trouble: each })),
    { kind: 'collect' },
  ];
  const byChance = (): Act => {
    const bag = Object.entries(WEIGHTS).flatMap(([name, weight]) => Array.from({ length: weight }, () => name));
    const chosen = random.pick(bag);
    if (chosen === 'toxic') return { kind: 'toxic', toxic: random.pick(TOXIC_KINDS) };
    if (chosen === 'disk') return { kind: 'disk', trouble: random.pick(troubles) };
    if (chosen === 'collect') return { kind: 'collect' };
    return { kind: 'kill', victim: chosen as Victim };
  };

  return {
    tally,
    async run(forMs, signal) {
      const startedAt = Date.now();
      const stop = new AbortController();
      const once = random.shuffled(everything());
      try {
        while (once.length > 0 || Date.now() - startedAt < forMs) {
          const due = once.pop();
          const isLate = Date.now() - startedAt > forMs / 2;
          await act(due ?? byChance(), stop.signal, { isLate, isDue: due !== undefined });
          await pause(random.int(...pauseMs), undefined, { signal });
        }
      } finally {
        stop.abort();
        await Promise.all(healing);
      }
    },
  };
}

/** Bad enough to hurt, never so bad that nothing could get through before it ends. */
function aToxic(kind: Toxic['kind'], random: Random): Toxic {
  switch (kind) {
    case 'latency':
      return { kind, ms: random.int(20, 300), jitterMs: random.int(0, 200) };
    case 'bandwidth':
      return { kind, bytesPerSecond: random.int(10_000, 200_000) };
    case 'slicer':
      return { kind, bytes: random.int(50, 1_000), everyMs: random.int(1, 5) };
    case 'reset':
      return { kind, afterMs: random.int(1, 1_500) };
    case 'limit':
      return { kind, bytes: random.int(100, 200_000) };
    case 'cut':
      return { kind };
  }
}

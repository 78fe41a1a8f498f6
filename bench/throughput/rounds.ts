import { statfs } from 'node:fs/promises';
import { count, size } from '../figures.js';
import { BARE_LOOP, type Contender, SERVICE } from './contender.js';
import { measureRun, type Measuring, removeBlobs, type RunRecord, type SkippedPart } from './runs.js';

/** One cell of the benchmark: so many items of one size, in so many rounds. */
export interface Cell {
  readonly items: number;
  readonly bytes: number;
  readonly rounds: number;
  /** `pair`: only the bare loop and the service. */
  readonly contenders: 'all' | 'pair';
}

/** Items from which on the others would take most of the time and show nothing new. */
const PAIR_FROM = 50_000;

/**
 * Reads a cell of the command line, `10000x16384x3`: items, bytes, rounds.
 * @throws Error for anything else
 */
export function parseCell(text: string): Cell {
  const [, items, bytes, rounds] = /^([1-9]\d*)x([1-9]\d*)x([1-9]\d*)$/.exec(text) ?? [];
  if (items === undefined) throw new Error(`${text} is not ITEMSxBYTESxROUNDS, such as 10000x16384x3`);
  const contenders = Number(items) >= PAIR_FROM ? 'pair' : 'all';
  return { items: Number(items), bytes: Number(bytes), rounds: Number(rounds), contenders };
}

export type Mode = 'default' | 'quick' | 'full';

const KIB = 1024;
const SIZES = [4 * KIB, 16 * KIB, 1024 * KIB];
const COUNTS = [1_000, 10_000, 100_000];

/**
 * What is measured, small first: 100,000 items leave large collections behind.
 * Quick takes about two minutes on two idle cores, the default about a quarter of an hour, full some hours.
 */
export function matrixOf(mode: Mode): Cell[] {
  if (mode === 'quick')
    return [
      { items: 1_000, bytes: 16 * KIB, rounds: 2, contenders: 'all' },
      { items: 10_000, bytes: 16 * KIB, rounds: 1, contenders: 'pair' },
    ];
  if (mode === 'full')
    return COUNTS.flatMap((items) =>
      SIZES.map((bytes): Cell => ({ items, bytes, rounds: items > 10_000 ? 2 : 3, contenders: 'all' })),
    );
  return [
    { items: 1_000, bytes: 4 * KIB, rounds: 3, contenders: 'all' },
    { items: 1_000, bytes: 16 * KIB, rounds: 3, contenders: 'all' },
    { items: 1_000, bytes: 1024 * KIB, rounds: 3, contenders: 'all' },
    { items: 10_000, bytes: 4 * KIB, rounds: 2, contenders: 'all' },
    { items: 10_000, bytes: 16 * KIB, rounds: 3, contenders: 'all' },
    { items: 100_000, bytes: 16 * KIB, rounds: 2, contenders: 'pair' },
  ];
}

/** Just-in-time compilation and new connections halve the speed of the first 3,000 items of a process: these show it. */
const COLD_ITEMS = 1_000;
/** More than three times those 3,000, imported before a run counts as warm. */
const WARM_UP_ITEMS = 10_000;
const WARM_UP_BYTES = 16 * 1024;

/** The first run of every contender, which is its cold one, and one more before it counts as warm. */
export async function measureCold(contenders: readonly Contender[], measuring: Measuring): Promise<RunRecord[]> {
  const runs: RunRecord[] = [];
  for (const contender of contenders) {
    runs.push(await measureRun(contender, { items: COLD_ITEMS, bytes: WARM_UP_BYTES, round: 0 }, measuring));
    await measureRun(contender, { items: WARM_UP_ITEMS, bytes: WARM_UP_BYTES, round: 0 }, measuring);
  }
  return runs;
}

/**
 * All rounds of all cells. In a round the contenders take turns, each time with another one first, so that changes on the machine
 * affect all of them alike.
 */
export async function measureMatrix(
  cells: readonly Cell[],
  contenders: readonly Contender[],
  measuring: Measuring,
): Promise<{ runs: RunRecord[]; skipped: SkippedPart[] }> {
  const runs: RunRecord[] = [];
  const skipped: SkippedPart[] = [];
  const room = await createDiskRoom(contenders.map(({ blobs }) => blobs));
  for (const { items, bytes, rounds, contenders: which } of cells) {
    const what = `${count(items)} × ${size(bytes)}`;
    const taking = which === 'all' ? contenders : contenders.filter(({ name }) => [BARE_LOOP, SERVICE].includes(name));
    for (let round = 1; round <= rounds; round += 1) {
      const shortage = await room.make(items * bytes * taking.length);
      if (shortage !== null) {
        skipped.push({ what: `${what}, round ${round}`, reason: shortage });
        measuring.report(`Skipping ${what}: ${shortage}`);
        break;
      }
      const first = (round - 1) % taking.length;
      for (const contender of [...taking.slice(first), ...taking.slice(0, first)])
        runs.push(await measureRun(contender, { items, bytes, round }, measuring));
    }
  }
  return { runs, skipped };
}

/** Factor on the bytes of a round, so that the benchmark itself never fills the disk: metadata and other writers need room too. */
const RESERVE = 1.2;
/** Share of the free disk that is left alone, for whatever else the machine does. */
const KEPT_SHARE = 0.5;

interface DiskRoom {
  /** Makes room for a round, and answers why there is none, or null. */
  make(bytes: number): Promise<string | null>;
}

/**
 * Keeps what runs have stored as long as there is room. Removed files would cost the runs after them: ext4 gives the inode of a
 * file out again 60 to 300 s after its removal (`recently_deleted` in fs/ext4/ialloc.c), and looks past all of those for each new
 * file. With 10,000 files removed between runs every contender took twice the system time.
 * @param folders all blob folders, on one file system
 */
async function createDiskRoom(folders: readonly string[]): Promise<DiskRoom> {
  const folder = folders[0] ?? '/';
  const free = async (): Promise<number> => {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  };
  const first = await free();
  return {
    async make(bytes) {
      if ((await free()) - bytes * RESERVE < first * KEPT_SHARE) for (const each of folders) await removeBlobs(each);
      const left = await free();
      return left > bytes * RESERVE ? null : `it needs ${size(bytes * RESERVE)} of disk and ${size(left)} are free`;
    },
  };
}

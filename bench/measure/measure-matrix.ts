import { statfs } from 'node:fs/promises';
import type { Contender } from '../contenders/contender.js';
import { BARE_LOOP, SERVICE } from '../contenders/names.js';
import type { Cell } from '../matrix.js';
import { count, size } from '../report/units.js';
import { type Measuring, measureRun } from './measure-run.js';
import type { RunRecord, SkippedPart } from './run-record.js';

/** The first 3,000 items of a process run at about half speed: just-in-time compilation, connections. */
const COLD_ITEMS = 1_000;
const WARM_UP_ITEMS = 2_000;
const WARM_UP_BYTES = 16 * 1024;
/** Of the bytes of a run: it is not to be the one that fills the disk. */
const DISK_RESERVE = 1.2;

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
 * All rounds of all cells. In a round every contender has its turn, each time another one first: what changes on the machine
 * meanwhile meets all of them.
 */
export async function measureMatrix(
  cells: readonly Cell[],
  contenders: readonly Contender[],
  measuring: Measuring,
): Promise<{ runs: RunRecord[]; skipped: SkippedPart[] }> {
  const runs: RunRecord[] = [];
  const skipped: SkippedPart[] = [];
  for (const { items, bytes, rounds, contenders: which } of cells) {
    const shortage = await diskShortage(contenders[0]?.blobs ?? '/', items * bytes);
    if (shortage !== null) {
      skipped.push({ what: `${count(items)} × ${size(bytes)}`, reason: shortage });
      measuring.report(`Skipping ${count(items)} × ${size(bytes)}: ${shortage}`);
      continue;
    }
    const taking = which === 'all' ? contenders : contenders.filter(({ name }) => [BARE_LOOP, SERVICE].includes(name));
    for (let round = 1; round <= rounds; round += 1) {
      const first = (round - 1) % taking.length;
      for (const contender of [...taking.slice(first), ...taking.slice(0, first)])
        runs.push(await measureRun(contender, { items, bytes, round }, measuring));
    }
  }
  return { runs, skipped };
}

async function diskShortage(folder: string, bytes: number): Promise<string | null> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  return free > bytes * DISK_RESERVE
    ? null
    : `it needs ${size(bytes * DISK_RESERVE)} of disk and ${size(free)} are free`;
}

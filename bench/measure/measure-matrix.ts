import type { Contender } from '../contenders/contender.js';
import { BARE_LOOP, SERVICE } from '../contenders/names.js';
import type { Cell } from '../matrix.js';
import { count, size } from '../report/units.js';
import { createDiskRoom } from '../setup/disk-room.js';
import { type Measuring, measureRun } from './measure-run.js';
import type { RunRecord, SkippedPart } from './run-record.js';

/** The first 3,000 items of a process run at about half speed: just-in-time compilation, connections. */
const COLD_ITEMS = 1_000;
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

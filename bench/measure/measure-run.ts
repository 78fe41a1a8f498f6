import type { Contender } from '../contenders/contender.js';
import { count, round as rounded, size } from '../report/units.js';
import { countBlobs } from '../setup/stored-blobs.js';
import type { Progress } from '../../src/local-stack/tools.js';
import type { ProcessWatch } from './process-watch.js';
import type { RunRecord } from './run-record.js';

export interface RunOptions {
  readonly items: number;
  readonly bytes: number;
  readonly round: number;
}

export interface Measuring {
  readonly watch: ProcessWatch;
  readonly report: Progress;
}

/**
 * Lets one contender import once, with its processes watched.
 * @throws Error when it failed, or stored another number of blobs than there were items
 */
export async function measureRun(
  contender: Contender,
  { items, bytes, round }: RunOptions,
  { watch, report }: Measuring,
): Promise<RunRecord> {
  const name = `${contender.name.replaceAll(/[ ,]+/g, '-')}-${items}-${round}`;
  const before = await countBlobs(contender.blobs);
  const close = await watch.open(contender.pids);
  const { seconds, history, note } = await contender.run({ name, items, bytes });
  const processes = await close();
  const record: RunRecord = {
    contender: contender.name,
    items,
    bytes,
    round,
    seconds,
    processes,
    history: history === null ? null : await history(),
    ...(note === undefined ? {} : { note }),
  };
  const stored = (await countBlobs(contender.blobs)) - before;
  if (stored !== items) throw new Error(`${contender.name} stored ${stored} blobs of ${items} items`);
  const label = round === 0 ? 'cold' : `round ${round}`;
  const what = `${count(items)} × ${size(bytes)}, ${label}`;
  report(`${what}: ${contender.name} ${count(items / seconds)} items/s (${rounded(seconds, 2)} s)`);
  return record;
}

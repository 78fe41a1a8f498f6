import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Progress } from '../../src/local-stack/tools.js';
import { count, type Machine, round as rounded, size } from '../figures.js';
import type { ProcessFigures, ProcessWatch } from '../stack/processes.js';
import type { Contender, HistoryCost } from './contender.js';
import type { MongoCost } from './mongo-cost.js';

/** One run of one contender. */
export interface RunRecord {
  readonly contender: string;
  readonly items: number;
  readonly bytes: number;
  /** From 1; 0 is a run of processes that are still cold. */
  readonly round: number;
  readonly seconds: number;
  readonly processes: Readonly<Record<string, ProcessFigures>>;
  readonly history: HistoryCost | null;
  readonly note?: string;
}

export interface SkippedPart {
  readonly what: string;
  readonly reason: string;
}

/** The content of the JSON file of `npm run bench`; everything that is printed is made from it. */
export interface BenchResult {
  /** ISO 8601. */
  readonly at: string;
  readonly mode: string;
  readonly machine: Machine;
  /** `mongod`, `emulator` or `given`. */
  readonly database: string;
  readonly contenders: Readonly<Record<string, string>>;
  readonly skipped: readonly SkippedPart[];
  readonly runs: readonly RunRecord[];
  readonly mongo: MongoCost | null;
}

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

async function* foldersOf(root: string): AsyncGenerator<{ folder: string; files: string[] }, undefined> {
  const hashes = join(root, 'sha256');
  for (const name of await readdir(hashes).catch(() => [])) {
    const folder = join(hashes, name);
    yield { folder, files: await readdir(folder) };
  }
}

/** The number of blobs in a folder of blobs. */
async function countBlobs(root: string): Promise<number> {
  let count = 0;
  for await (const { files } of foldersOf(root)) count += files.length;
  return count;
}

/** Empties a blob folder, whose store is in use and knows its folders: the files go, the folders stay. */
export async function removeBlobs(root: string): Promise<void> {
  for await (const { folder, files } of foldersOf(root)) await Promise.all(files.map((file) => rm(join(folder, file))));
}

import { join } from 'node:path';
import { databaseName } from '../setup/databases.js';
import type { Bench } from '../setup/with-bench.js';
import type { WorkSettings } from './item-work.js';

/** A database and a folder of blobs of the contender's own, on the server and the disk that all of them use. */
export function workSettings({ origin, mongodb, dataDir }: Bench, contender: string): WorkSettings {
  const root = join(dataDir, `blobs-${contender}`);
  return { origin: origin.origin, mongodb, database: databaseName(contender), root };
}

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { identifyProcess, type ProcessIdentity } from './process-identity.js';
import { readJsonFile } from './read-json-file.js';
import { writePrivateFile } from './write-private-file.js';

const Processes = z.record(z.string(), z.object({ pid: z.number(), startedAt: z.string(), command: z.string() }));

/**
 * The processes that `start` has started, kept from the moment each one exists: run.json appears only once all is ready and
 * goes first on the way out, so that it cannot tell what a kill -9 at another moment left behind.
 */
export interface ProcessRecord {
  add(name: string, pid: number): Promise<void>;
  clear(): Promise<void>;
}

function recordPath(dataDir: string): string {
  return join(dataDir, 'processes.json');
}

export function createProcessRecord(dataDir: string): ProcessRecord {
  const known: Record<string, ProcessIdentity> = {};
  // One write after the other, each with all that is known then: the last one on disk is the newest.
  let writing = Promise.resolve();
  return {
    async add(name, pid) {
      const identity = await identifyProcess(pid);
      if (identity === null) return;
      known[name] = identity;
      writing = writing.then(() => writePrivateFile(recordPath(dataDir), JSON.stringify(known)));
      await writing;
    },
    async clear() {
      await writing;
      await rm(recordPath(dataDir), { force: true });
    },
  };
}

/** What an earlier `start` had running, whether it still does or not. */
export async function readProcessRecord(dataDir: string): Promise<ReadonlyMap<string, ProcessIdentity>> {
  return new Map(Object.entries((await readJsonFile(recordPath(dataDir), Processes)) ?? {}));
}

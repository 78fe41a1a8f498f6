import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { readJsonFile } from './read-json-file.js';
import { writePrivateFile } from './write-private-file.js';

const Pid = z.number().int().positive().nullable();

/** Where a running stack can be reached. What `start` was given and did not start has no pid; unknown addresses are null. */
export const RunFile = z.object({
  /** An origin such as `http://127.0.0.1:8080`. */
  api: z.string(),
  ui: z.string().nullable(),
  /** host:port of the Temporal frontend. */
  temporal: z.string(),
  /** Connection string. */
  mongodb: z.string(),
  /** The executable that talks to that server, null when `start` was given the server. */
  temporalCli: z.string().nullable().default(null),
  /** Null when tokens come from an identity provider. */
  token: z.string().nullable(),
  webhookSecret: z.string(),
  pids: z.object({ temporal: Pid, mongodb: Pid, gateway: Pid, worker: Pid }),
});

export type RunFile = z.infer<typeof RunFile>;

function runFilePath(dataDir: string): string {
  return join(dataDir, 'run.json');
}

/** What runs on that folder; null when nothing does. After a kill -9 of `start` it may be stale. */
export function readRunFile(dataDir: string): Promise<RunFile | null> {
  return readJsonFile(runFilePath(dataDir), RunFile);
}

/** Atomic: scripts wait for this file and read it the moment it appears. */
export function writeRunFile(dataDir: string, run: RunFile): Promise<void> {
  return writePrivateFile(runFilePath(dataDir), `${JSON.stringify(run, null, 2)}\n`);
}

/** Also when there is none. */
export function removeRunFile(dataDir: string): Promise<void> {
  return rm(runFilePath(dataDir), { force: true });
}

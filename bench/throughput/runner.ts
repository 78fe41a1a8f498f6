import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createFsBlobStore } from '../../src/blobs/fs/store.js';
import { newBatchId } from '../../src/domain/ids.js';
import { defaultMediaTypes } from '../../src/domain/media-types.js';
import { createSource } from '../../src/download/fetch.js';
import { parseAllowList } from '../../src/egress/addresses.js';
import { createEgress } from '../../src/egress/create-egress.js';
import { urlSha256 } from '../../src/item/content.js';
import { createStore } from '../../src/store/open-store.js';
import { isMainModule } from '../stack/processes.js';
import type { ItemJob, Run, WorkSettings } from './contender.js';

/*
 * The process of a contender: how it is started and told to import, and the work that every contender does with an item. One file
 * holds both ends of a contender: imported it starts the process, as the main module of that process it serves runs.
 */

export interface Runner {
  readonly pid: number;
  /** @throws Error when the run failed or the process ended */
  run(run: Run): Promise<void>;
  close(): Promise<void>;
}

/** Time to close its connections and its worker, far more than they take; after that it is killed. */
const GRACE_MS = 15_000;

/**
 * Starts a contender's process and waits until it is ready.
 * @param moduleUrl the file that calls `serveRuns`
 */
export async function forkRunner(moduleUrl: string, settings: WorkSettings): Promise<Runner> {
  const file = fileURLToPath(moduleUrl);
  // In a process group of its own: on Ctrl-C this process decides the order of the shutdown.
  const child = fork(file, [JSON.stringify(settings)], { detached: true, stdio: ['ignore', 2, 2, 'ipc'] });
  const ended = once(child, 'exit').then(([code, signal]) => {
    throw new Error(`${file} ended with ${String(signal ?? code)}`);
  });
  ended.catch(() => undefined);
  const nextReport = async (): Promise<RunReport> => {
    const [report] = (await Promise.race([once(child, 'message'), ended])) as [RunReport];
    return report;
  };
  await nextReport();
  if (child.pid === undefined) throw new Error(`${file} has no process id`);
  return {
    pid: child.pid,
    async run(run) {
      const report = nextReport();
      child.send(run);
      const told = await report;
      if ('error' in told && told.error !== null) throw new Error(`${file}: ${told.error}`);
    },
    async close() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const killer = setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
      if (child.connected) child.disconnect();
      await ended.catch(() => undefined);
      clearTimeout(killer);
    },
  };
}

/** What a contender's process does. It is kept from run to run, and so is all that has become warm in it. */
export interface RunServer {
  run(run: Run): Promise<void>;
  close(): Promise<void>;
}

/** What the process reports to its parent: it is ready, or a run has ended, with an error or without. */
type RunReport = { readonly ready: true } | { readonly error: string | null };

/**
 * Serves runs, which come as messages, when this process was forked from the module; does nothing where the module is imported.
 * @param start takes the settings that were given to `forkRunner`, as JSON
 */
export async function serveRuns(moduleUrl: string, start: (settings: string) => Promise<RunServer>): Promise<void> {
  if (!isMainModule(moduleUrl)) return;
  const server = await start(process.argv[2] ?? '');
  const tell = (report: RunReport): void => void process.send?.(report);
  process.on('message', (run) => {
    server.run(run as Run).then(
      () => {
        tell({ error: null });
      },
      (error: unknown) => {
        tell({ error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
      },
    );
  });
  process.once('disconnect', () => {
    void server.close().finally(() => process.exit());
  });
  tell({ ready: true });
}

export interface Countdown {
  /** Resolves when so many items are done. */
  start(items: number): Promise<void>;
  done(items: number): void;
  fail(error: unknown): void;
}

/** Ends a run whose items come from a queue once all of them are done. One run at a time. */
export function createCountdown(): Countdown {
  let open = 0;
  let end: { resolve: () => void; reject: (error: unknown) => void } | undefined;
  return {
    start: (items) =>
      new Promise((resolve, reject) => {
        open = items;
        end = { resolve, reject };
      }),
    done(items) {
      open -= items;
      if (open === 0) end?.resolve();
    },
    fail: (error) => end?.reject(error),
  };
}

export interface ItemWork {
  importItem(job: ItemJob): Promise<void>;
  close(): Promise<void>;
}

/** The service's own default (HOST_MAX_CONNECTIONS). */
const HOST_MAX_CONNECTIONS = 8;

/**
 * What every contender does with an item, with the service's own code: fetch, type, SHA-256, fsynced blob, media record. Writes of
 * items that are in flight together are grouped, as in the service.
 */
export async function createItemWork({ origin, mongodb, database, root }: WorkSettings): Promise<ItemWork> {
  const store = await createStore({ url: mongodb, database });
  const allow = parseAllowList(`127.0.0.1/32:${new URL(origin).port}`);
  const egress = createEgress({ allow, connectTimeoutMs: 10_000, hostMaxConnections: HOST_MAX_CONNECTIONS });
  const limits = {
    headersTimeoutMs: 30_000,
    idleTimeoutMs: 60_000,
    minSpeedBytesPerSecond: 1,
    minSpeedWindowMs: 60_000,
  };
  const blobs = createFsBlobStore({ root });
  const source = createSource({ egress, blobs, limits: { ...limits, maxBytes: 2 ** 40, maxRedirects: 0 } });
  const mediaType = defaultMediaTypes().get('video');
  if (mediaType === undefined) throw new Error('There is no media type for videos');
  const importId = newBatchId();
  return {
    async importItem({ url, externalId }) {
      const fetched = await source.fetch({ url, mediaType, signal: new AbortController().signal });
      if (fetched.kind !== 'fetched') throw new Error('The origin answered 304 to a request without a condition');
      const { asset } = fetched;
      const pair = { projectId: 'bench', systemName: 'bench', externalId };
      const content = { kind: 'video', mediaType: 'video', fileName: externalId, metadata: {}, asset } as const;
      const origins = { source: { urlSha256: urlSha256(url) }, importId, importSeq: 1 };
      await store.media.upsert({ ...pair, ...content, ...origins });
    },
    async close() {
      await Promise.all([store.close(), egress.close(), blobs.close()]);
    },
  };
}

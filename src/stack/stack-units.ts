import type { FoundMongo } from './find-mongo.js';
import { forkService, type ServiceCommand } from './fork-service.js';
import { spawnMongoServer, waitForMongoServer, type MongoServer } from './mongo-server.js';
import { waitUntilReady, type ServerProcess } from './spawn-server.js';
import { startedProcess } from './started-process.js';
import type { Started, Unit } from './supervise.js';
import { spawnTemporalServer, waitForTemporalServer, type TemporalServer } from './temporal-server.js';
import type { TemporalServerOptions } from './temporal-server.js';

/** Both end within a second when nothing is wrong; what they have acknowledged is on disk anyway. */
const SERVER_GRACE_MS = 5_000;
/** A service loads within 2 s; on a busy machine with a database that has just been started it takes longer. */
const SERVICE_READY_MS = 60_000;

export function temporalUnit(options: TemporalServerOptions): Unit<Started & { readonly server: TemporalServer }> {
  return {
    name: 'temporal',
    async spawn() {
      const server = await spawnTemporalServer(options);
      return { ...startedProcess(server.child, SERVER_GRACE_MS), server };
    },
    waitUntilReady: ({ server }) => waitForTemporalServer(server),
  };
}

export function mongoUnit(options: {
  server: FoundMongo;
  port: number;
  dbPath: string;
  logFile: string;
}): Unit<Started & { readonly server: MongoServer }> {
  return {
    name: 'mongodb',
    async spawn() {
      const server = await spawnMongoServer(options);
      return { ...startedProcess(server.child, SERVER_GRACE_MS), server };
    },
    waitUntilReady: ({ server }) => waitForMongoServer(server),
  };
}

export interface ServiceUnitOptions extends ServiceCommand {
  /** How long it may take to end when asked to. */
  readonly graceMs: number;
  /** Resolves once the service answers, rejects while it does not. */
  readonly probe: (pid: number) => Promise<unknown>;
}

/** The gateway or the worker. */
export function serviceUnit({
  probe,
  graceMs,
  ...command
}: ServiceUnitOptions): Unit<Started & { readonly service: ServerProcess }> {
  return {
    name: command.command,
    async spawn() {
      const service = await forkService(command);
      return { ...startedProcess(service.child, graceMs), service };
    },
    waitUntilReady: ({ pid, service }) =>
      waitUntilReady(service, {
        name: `The ${command.command}`,
        timeoutMs: SERVICE_READY_MS,
        probe: () => probe(pid),
      }),
  };
}

import { join } from 'node:path';
import { findMongo } from '../../../src/local-stack/find-mongo.js';
import { findTemporalCli } from '../../../src/local-stack/find-temporal-cli.js';
import { createGatewayProbe, probeWorker } from '../../../src/local-stack/start-services.js';
import { mongoUnit, serviceUnit, temporalUnit } from '../../../src/local-stack/units.js';
import { supervise, type Started, type Supervisor, type Unit } from '../../../src/local-stack/supervise.js';

const SERVERS = ['temporal', 'mongodb'] as const;
export const SERVICES = ['gateway-1', 'gateway-2', 'worker-1', 'worker-2'] as const;
export type ServiceName = (typeof SERVICES)[number];
export type ProcessName = (typeof SERVERS)[number] | ServiceName;

/** Keeps the processes of one kind running, no matter what kills them. */
export interface Processes {
  /** Ends the process as kill -9 does; it is started again at once. */
  kill(name: ProcessName): void;
  pid(name: ProcessName): number;
  /** Whether it can be used, as far as is known. */
  isReady(name: ProcessName): boolean;
  /** Of every process that was ever started. */
  pids(): number[];
  stop(): Promise<void>;
}

export const NAMESPACE = 'default';
export const TASK_QUEUE = 'chaos';

/** As soon as possible: that the service is back is the harness's task, how it comes back is what is tested. */
const BACK_OFF = { firstMs: 100, maxMs: 1_000 };
/** What a service needs to end in order; see src/local-stack/start-services.ts. */
const GRACE_MS = 20_000;

export interface Supervision {
  /** Resolves when it is ready. @throws what the unit throws, and when everything is stopped meanwhile */
  readonly start: (name: ProcessName, unit: Unit) => Promise<void>;
  readonly processes: Processes;
}

export function createSupervision(report: (line: string) => void): Supervision {
  const supervisors = new Map<ProcessName, Supervisor>();
  const ready = new Set<ProcessName>();
  const starting: Promise<Supervisor>[] = [];
  const pids = new Set<number>();
  const stopping = new AbortController();
  const find = (name: ProcessName): Supervisor => {
    const supervisor = supervisors.get(name);
    if (supervisor === undefined) throw new Error(`${name} was not started`);
    return supervisor;
  };
  const onSpawn = ({ pid }: Started): Promise<void> => {
    pids.add(pid);
    return Promise.resolve();
  };
  const stopAll = async (names: readonly ProcessName[]): Promise<void> => {
    await Promise.all(names.map(async (name) => supervisors.get(name)?.stop()));
  };
  return {
    async start(name, unit) {
      const onRestart = (): Promise<void> => {
        ready.add(name);
        return Promise.resolve();
      };
      const options = { report, onSpawn, onRestart, backOff: BACK_OFF, signal: stopping.signal };
      const started = supervise({ ...unit, name }, options);
      starting.push(started);
      supervisors.set(name, await started);
      ready.add(name);
    },
    processes: {
      kill(name) {
        ready.delete(name);
        try {
          process.kill(find(name).pid, 'SIGKILL');
        } catch (error) {
          // It is dead already and about to be replaced.
          if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
        }
      },
      pid: (name) => find(name).pid,
      isReady: (name) => ready.has(name),
      pids: () => [...pids],
      async stop() {
        stopping.abort();
        await Promise.allSettled(starting);
        await stopAll(SERVICES);
        await stopAll(SERVERS);
      },
    },
  };
}

export interface ServerOptions {
  readonly folder: string;
  readonly port: number;
  readonly logFile: string;
  readonly report: (line: string) => void;
}

export async function temporalOf({ folder, port, logFile, report }: ServerOptions): Promise<Unit> {
  const executable = await findTemporalCli({ report });
  return temporalUnit({
    executable,
    port,
    dbFilename: join(folder, 'temporal.db'),
    namespace: NAMESPACE,
    logFile,
  });
}

export async function mongoOf({ folder, port, logFile, report }: ServerOptions): Promise<Unit> {
  return mongoUnit({ server: await findMongo({ report }), port, dbPath: join(folder, 'mongodb'), logFile });
}

/** @param port that it is told to listen on */
export function gatewayOf(env: NodeJS.ProcessEnv, logFile: string, port: number): Unit {
  const probe = createGatewayProbe(`http://127.0.0.1:${port}`);
  return serviceUnit({ command: 'gateway', env, logFile, graceMs: GRACE_MS, probe });
}

/** @param temporal host:port past any fault proxy, to see whether it asks for work */
export function workerOf(env: NodeJS.ProcessEnv, logFile: string, temporal: string, taskQueue = TASK_QUEUE): Unit {
  const where = { address: temporal, namespace: NAMESPACE, taskQueue };
  return serviceUnit({ command: 'worker', env, logFile, graceMs: GRACE_MS, probe: (pid) => probeWorker(pid, where) });
}

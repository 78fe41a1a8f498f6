import { join } from 'node:path';
import type { Config } from '../config.js';
import { findMongo } from './find-mongo.js';
import { findTemporalCli } from './find-temporal-cli.js';
import type { Progress } from './tools.js';
import { mongoUnit, temporalUnit, type Keep } from './units.js';
import { logFile } from './spawn-server.js';
import type { StackPorts } from './ports.js';
import { supervise, type Supervisor } from './supervise.js';

export interface ServersOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly config: Config;
  readonly dataDir: string;
  readonly ports: StackPorts;
  readonly report: Progress;
  readonly keep: Keep;
  readonly signal: AbortSignal;
}

export interface Servers {
  /** host:port. */
  readonly temporal: string;
  /** Connection string. */
  readonly mongodb: string;
  /** Origin of the Temporal UI, null when it is not known. */
  readonly ui: string | null;
  /** The Temporal CLI that runs the server, null when the server was given. */
  readonly temporalCli: string | null;
  readonly supervisors: Supervisor[];
}

/**
 * Finds and starts the servers that no address was given for, and waits until they answer.
 * @throws Error that says what to install or to set; a server that was started is stopped then
 */
export async function startServers(options: ServersOptions): Promise<Servers> {
  const results = await Promise.allSettled([temporal(options), mongodb(options)]);
  const [left, right] = results;
  if (left.status === 'fulfilled' && right.status === 'fulfilled') {
    const supervisors = [left.value.supervisor, right.value.supervisor].filter((one) => one !== null);
    const { address, ui, executable: temporalCli } = left.value;
    return { temporal: address, ui, temporalCli, mongodb: right.value.url, supervisors };
  }
  for (const result of results) if (result.status === 'fulfilled') await result.value.supervisor?.stop();
  throw [left, right].find((result) => result.status === 'rejected')?.reason;
}

async function temporal({ env, config, dataDir, ports, report, keep, signal }: ServersOptions) {
  if (env['TEMPORAL_ADDRESS']) {
    report(`Using Temporal at ${config.TEMPORAL_ADDRESS}`);
    return { address: config.TEMPORAL_ADDRESS, ui: config.TEMPORAL_UI_URL ?? null, executable: null, supervisor: null };
  }
  const executable = await unlessAborted(findTemporalCli({ report, env }), signal);
  const unit = temporalUnit({
    executable,
    port: ports.temporal,
    uiPort: ports.temporalUi,
    dbFilename: join(dataDir, 'temporal.db'),
    namespace: config.TEMPORAL_NAMESPACE,
    logFile: logFile(dataDir, 'temporal'),
  });
  const supervisor = await supervise(unit, keep('temporal'));
  report(`Temporal is ready on port ${ports.temporal}`);
  return {
    address: `127.0.0.1:${ports.temporal}`,
    ui: config.TEMPORAL_UI_URL ?? `http://127.0.0.1:${ports.temporalUi}`,
    executable,
    supervisor,
  };
}

async function mongodb({ env, config, dataDir, ports, report, keep, signal }: ServersOptions) {
  if (env['MONGODB_URL']) {
    // Connection strings hold passwords.
    report('Using the MongoDB server of MONGODB_URL');
    return { url: config.MONGODB_URL, supervisor: null };
  }
  const server = await unlessAborted(findMongo({ report, env }), signal);
  const unit = mongoUnit({
    server,
    port: ports.mongodb,
    // The two kinds do not read each other's files. The names are those of earlier versions, whose data has to be found.
    dbPath: join(dataDir, server.kind === 'mongod' ? 'mongodb' : 'mongodb-stand-in'),
    logFile: logFile(dataDir, 'mongodb'),
  });
  const supervisor = await supervise(unit, keep('mongodb'));
  const kind = server.kind === 'mongod' ? 'MongoDB' : 'A MongoDB emulator (for development and tests only)';
  report(`${kind} is ready on port ${ports.mongodb}`);
  return { url: `mongodb://127.0.0.1:${ports.mongodb}/`, supervisor };
}

/** Lets go of a search that may be building for minutes. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = new Promise<never>((_resolve, reject) => {
    const onAbort = (): void => {
      reject(new Error('Stopped while looking for a server', { cause: signal.reason }));
    };
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
  });
  return Promise.race([work, aborted]);
}

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findMongo } from '../../src/local-stack/find-mongo.js';
import { findTemporalCli } from '../../src/local-stack/find-temporal-cli.js';
import { anyFreePort } from '../../src/local-stack/ports.js';
import { spawnMongoServer, waitForMongoServer } from '../../src/local-stack/mongo-server.js';
import { findReplicaSet } from './replica-set.js';
import { findS3Server } from './s3-server.js';
import { stopServer, type ServerProcess } from '../../src/local-stack/spawn-server.js';
import { spawnTemporalServer, waitForTemporalServer } from '../../src/local-stack/temporal-server.js';

/*
 * A process of its own that holds the servers of one test run. It lives exactly as long as its channel to jest: however jest
 * ends, killed included, the channel closes and the servers are stopped.
 */
const folder = mkdtempSync(join(tmpdir(), 'durable-import-test-'));
const servers: ServerProcess[] = [];
let stopping = false;

async function stop(): Promise<void> {
  if (stopping) return;
  stopping = true;
  await Promise.all(servers.map((server) => stopServer(server, 2_000)));
  rmSync(folder, { recursive: true, force: true });
  process.exit();
}

/** Before it is ready: a run that ends while its servers start must stop them too. */
function keep<T extends ServerProcess>(server: T): T {
  servers.push(server);
  return server;
}

const report = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

async function temporalAddress(): Promise<string> {
  const given = process.env['TEST_TEMPORAL_ADDRESS'];
  if (given !== undefined) return given;
  const options = {
    executable: await findTemporalCli({ report }),
    port: await anyFreePort(),
    namespace: 'default',
    logFile: join(folder, 'temporal.log'),
    // Default 4,096: a test of continue-as-new would need a thousand items.
    dynamicConfig: { 'limit.historyCount.suggestContinueAsNew': 300 },
  };
  const server = keep(await spawnTemporalServer(options));
  await waitForTemporalServer(server);
  return server.address;
}

async function mongoUrl(): Promise<string> {
  const given = process.env['TEST_MONGODB_URL'];
  if (given !== undefined) return given;
  const options = {
    server: await findMongo({ report }),
    port: await anyFreePort(),
    dbPath: join(folder, 'mongodb'),
    logFile: join(folder, 'mongodb.log'),
  };
  const server = keep(await spawnMongoServer(options));
  await waitForMongoServer(server);
  return server.url;
}

process.on('disconnect', () => void stop());
// Ctrl-C reaches the whole process group; jest ends first and the channel says so.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => void stop());

try {
  // Built before any test runs: a Go build of minutes beside them would take the processors away from all.
  await findS3Server();
  await findReplicaSet();
  const [temporal, mongodb] = await Promise.all([temporalAddress(), mongoUrl()]);
  process.send?.({ temporal, mongodb });
} catch (error) {
  report(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
  await stop();
}

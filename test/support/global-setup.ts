import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

interface Servers {
  readonly temporal: string;
  readonly mongodb: string;
}

declare global {
  /** The process that holds the servers, for the teardown, which jest runs in this process. */
  var testServers: ChildProcess | undefined;
}

/** Starts the servers once for all test files; jest's workers inherit the two addresses. */
async function startTestServers(): Promise<void> {
  const script = fileURLToPath(new URL('../servers/test-servers.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', script], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  globalThis.testServers = child;
  const servers = await new Promise<Servers>((resolve, reject) => {
    child.once('message', (message) => {
      resolve(message as Servers);
    });
    child.once('error', reject);
    child.once('exit', () => {
      reject(new Error('The servers for the tests did not start; the reason is above'));
    });
  });
  // The channel must not keep jest alive once the tests are done.
  child.unref();
  child.channel?.unref();
  process.env['TEST_TEMPORAL_ADDRESS'] = servers.temporal;
  process.env['TEST_MONGODB_URL'] = servers.mongodb;
}

export { startTestServers as default };

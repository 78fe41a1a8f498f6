import { randomUUID } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime } from '@temporalio/worker';

export interface TestTemporal {
  readonly address: string;
  readonly namespace: string;
  readonly connection: Connection;
  readonly client: Client;
  /** What a worker connects with. */
  readonly nativeConnection: NativeConnection;
  /** Closes both connections; workers must have ended before. */
  close(): Promise<void>;
}

/** Connects to the Temporal server of the test run. Called in `beforeAll`, closed in `afterAll`. */
export async function connectTestTemporal(): Promise<TestTemporal> {
  const address = process.env['TEST_TEMPORAL_ADDRESS'];
  if (address === undefined) throw new Error('TEST_TEMPORAL_ADDRESS is not set: this project of jest has no servers');
  const namespace = 'default';
  // Once a process, before any connection; workers that come and go would drown what the tests say.
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const connection = await Connection.connect({ address });
  const nativeConnection = await NativeConnection.connect({ address });
  return {
    address,
    namespace,
    connection,
    client: new Client({ connection, namespace, identity: 'test-client' }),
    nativeConnection,
    close: async () => {
      await nativeConnection.close();
      await connection.close();
    },
  };
}

/** A task queue that no other test polls. */
export function aTaskQueue(): string {
  return `test-${randomUUID()}`;
}

import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Connection } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import { MongoClient } from 'mongodb';
import { pino } from 'pino';
import { retryUntilConnected } from '../../src/process/lifecycle.js';
import { eventually } from '../support/eventually.js';
import { spawnService, type RunningService } from '../support/running-service.js';
import { stackEnvironment } from '../support/running-stack.js';

const TEMPORAL_ADDRESS = process.env['TEST_TEMPORAL_ADDRESS'] ?? '';
const MONGODB_URL = process.env['TEST_MONGODB_URL'] ?? '';
const TOKEN_SECRET = 'a secret for tests of at least 32 bytes';
/** Retention of a namespace has to be a day at least. */
const DAY_SECONDS = 86_400;

let env: NodeJS.ProcessEnv;
const services: RunningService[] = [];
beforeAll(async () => {
  env = await stackEnvironment({ TEMPORAL_ADDRESS, MONGODB_URL, TOKEN_SECRET });
});
afterAll(async () => {
  for (const service of services) await service.kill();
  rmSync(env['DATA_DIR'] ?? '', { recursive: true, force: true });
});

function start(command: 'gateway' | 'worker', settings: NodeJS.ProcessEnv): RunningService {
  const service = spawnService(command, { ...env, MONGODB_DATABASE: `test_${randomUUID()}`, ...settings });
  services.push(service);
  return service;
}

describe('a service whose start waiting does not help', () => {
  it.each(['gateway', 'worker'] as const)(
    'ends as %s with the name of the setting when its namespace is not there',
    async (command) => {
      const service = start(command, { TEMPORAL_NAMESPACE: 'not-there' });

      await eventually(`an end of the ${command}`, () => service.log().includes('name another one'), 60_000);

      expect(service.log()).toContain(
        'does not have the namespace: create it, or name another one with TEMPORAL_NAMESPACE',
      );
    },
    90_000,
  );

  it.each(['gateway', 'worker'] as const)(
    'ends as %s with the message of the database when an index conflicts',
    async (command) => {
      const database = `test_${randomUUID()}`;
      const client = new MongoClient(MONGODB_URL);
      try {
        // Two documents that the index of the service would hold to be one.
        const media = client.db(database).collection('media');
        const pair = { projectId: 'p', systemName: 's', externalId: 'e' };
        await media.insertMany([{ ...pair }, { ...pair }]);
        const service = start(command, { MONGODB_DATABASE: database });

        await eventually(`an end of the ${command}`, () => /duplicate key/i.test(service.log()), 60_000);
        expect(service.log()).not.toContain('trying again');
      } finally {
        await client.close();
      }
    },
    90_000,
  );
});

describe('a worker', () => {
  it('waits for a namespace that is just being created', async () => {
    const namespace = `created-${randomUUID()}`;
    const worker = start('worker', {
      TEMPORAL_NAMESPACE: namespace,
      METRICS_PORT: String(Number(env['METRICS_PORT']) + 1),
    });
    await eventually('a first try', () => worker.log().includes('trying again'), 60_000);
    const connection = await Connection.connect({ address: TEMPORAL_ADDRESS });
    try {
      const retention = { seconds: DAY_SECONDS as never };
      await connection.workflowService.registerNamespace({ namespace, workflowExecutionRetentionPeriod: retention });
    } finally {
      await connection.close();
    }

    await worker.loaded();

    expect(worker.log()).toContain('"msg":"polling"');
  }, 120_000);

  it('does not try again with workflow code that cannot be loaded', async () => {
    let tries = 0;
    const logger = pino({ level: 'silent' });
    const temporal = { name: 'Temporal', address: TEMPORAL_ADDRESS, logger, signal: new AbortController().signal };
    const connection = await NativeConnection.connect({ address: TEMPORAL_ADDRESS });
    try {
      const creating = retryUntilConnected(temporal, () => {
        tries += 1;
        return Worker.create({ connection, taskQueue: 'broken', workflowBundle: { code: 'not what the build makes' } });
      });

      await expect(creating).rejects.toThrow('Workflow Bundle');
    } finally {
      await connection.close();
    }
    expect(tries).toBe(1);
  }, 60_000);
});

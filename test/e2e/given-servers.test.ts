import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { waitForImport } from '../../src/cli/status.js';
import { answers, startOrigin, type Origin } from '../servers/origin-server.js';
import { startStack, type RunningStack } from '../support/running-stack.js';

describe('durable-import start with the addresses of servers', () => {
  const temporal = process.env['TEST_TEMPORAL_ADDRESS'] ?? '';
  const mongodb = process.env['TEST_MONGODB_URL'] ?? '';
  let origin: Origin;
  let stack: RunningStack;
  beforeAll(async () => {
    origin = await startOrigin();
    stack = await startStack({
      TEMPORAL_ADDRESS: temporal,
      MONGODB_URL: mongodb,
      MONGODB_DATABASE: `test_${randomUUID()}`,
      TEMPORAL_TASK_QUEUE: `test-${randomUUID()}`,
      EGRESS_ALLOW: `127.0.0.1/32:${origin.port}`,
    });
  }, 180_000);
  afterAll(async () => {
    await stack.clear();
    await origin.close();
  }, 60_000);

  it('starts none of its own', async () => {
    const run = await stack.run();

    expect(run).toMatchObject({ temporal, mongodb, pids: { temporal: null, mongodb: null } });
    expect(run.pids.worker).toBeGreaterThan(0);
  });

  it('imports through them', async () => {
    const url = origin.route('/one.txt', answers.file(Buffer.from('one'), { type: 'text/plain' }));
    const client = await stack.client();
    const id = await client.submit('files', {
      systemName: 's',
      files: [{ url, id: '1', fileName: 'one', metadata: {} }],
    });

    const status = await waitForImport({ client, plural: 'files', id });

    expect(status).toMatchObject({ state: 'success', files: [{ state: 'success', externalId: '1' }] });
  }, 60_000);
});

import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import { defineSearchAttributeKey } from '@temporalio/common';
import { SEARCH_ATTRIBUTES } from '../../../src/temporal/names.js';
import { findTemporalCli } from '../../../src/local-stack/find-temporal-cli.js';
import { anyFreePort } from '../../../src/local-stack/ports.js';
import { stopServer } from '../../../src/local-stack/spawn-server.js';
import { startTemporalServer, type TemporalServer } from '../../../src/local-stack/temporal-server.js';

let folder: string;
let server: TemporalServer | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'temporal-server-'));
});
afterEach(async () => {
  if (server !== undefined) await stopServer(server);
  await rm(folder, { recursive: true });
});

async function start(executable: string, port: number, uiPort: number): Promise<TemporalServer> {
  server = await startTemporalServer({
    ...{ executable, port, uiPort },
    dbFilename: join(folder, 'temporal.db'),
    namespace: 'imports',
    logFile: join(folder, 'log'),
  });
  return server;
}

describe('startTemporalServer', () => {
  it('keeps workflows and search attributes when it is killed and started on the same file, and serves its UI', async () => {
    const executable = await findTemporalCli({ report: () => undefined });
    const [port, uiPort] = [await anyFreePort(), await anyFreePort()];
    const first = await start(executable, port, uiPort);
    const connection = await Connection.connect({ address: first.address });
    const client = new Client({ connection, namespace: first.namespace });
    const workflowId = 'import/p/b';
    await client.workflow.start('importBatch', {
      taskQueue: 'nobody',
      workflowId,
      typedSearchAttributes: Object.entries(SEARCH_ATTRIBUTES).map(([name, type]) =>
        type === 'Int'
          ? { key: defineSearchAttributeKey(name, 'INT'), value: 1 }
          : type === 'KeywordList'
            ? { key: defineSearchAttributeKey(name, 'KEYWORD_LIST'), value: ['some'] }
            : { key: defineSearchAttributeKey(name, 'KEYWORD'), value: 'some' },
      ),
    });
    const gone = once(first.child, 'exit');
    first.child.kill('SIGKILL');
    await gone;
    await connection.close();

    const second = await start(executable, port, uiPort);
    const again = await Connection.connect({ address: second.address });
    const description = await new Client({ connection: again, namespace: second.namespace }).workflow
      .getHandle(workflowId)
      .describe();
    expect(description.status.name).toBe('RUNNING');
    expect(description.typedSearchAttributes.getAll()).toHaveLength(Object.keys(SEARCH_ATTRIBUTES).length);
    await again.close();
    expect((await fetch(second.uiUrl ?? '')).status).toBe(200);
  }, 120_000);

  it('shows the end of its log when it cannot start', async () => {
    const executable = await findTemporalCli({ report: () => undefined });
    const options = { executable, port: await anyFreePort(), namespace: 'x', logFile: join(folder, 'log') };
    const impossible = startTemporalServer({ ...options, dbFilename: join(folder, 'no', 'such', 'folder', 'db') });
    await expect(impossible).rejects.toThrow(/The Temporal server ended while it was starting; the end of [^]+folder/);
  });
});

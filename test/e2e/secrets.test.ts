import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import { waitForImport } from '../../src/cli/wait-for-import.js';
import { answers, startOrigin, type Origin } from '../support/origin-server.js';
import { startStack, type RunningStack } from '../support/running-stack.js';
import { startWebhookReceiver, type WebhookReceiver } from '../support/webhook-receiver.js';

jest.setTimeout(240_000);

/** In every place where a client may put a secret. */
const SECRET = 's3cret-canary';

let origin: Origin;
let receiver: WebhookReceiver;
let stack: RunningStack;

beforeAll(async () => {
  [origin, receiver] = await Promise.all([startOrigin(), startWebhookReceiver()]);
  const allowed = [origin.port, receiver.port].map((port) => `127.0.0.1/32:${port}`);
  // Few and quick attempts, so that giving up is part of the run.
  stack = await startStack({
    EGRESS_ALLOW: allowed.join(','),
    RETRY_ATTEMPTS: '2',
    RETRY_INITIAL: '10ms',
    LOG_LEVEL: 'debug',
  });
});
afterAll(async () => {
  await stack.clear();
  await Promise.all([origin.close(), receiver.close()]);
});

/** One item that succeeds and one for many ways to fail. */
function videos() {
  origin.route('/file.txt', answers.file(Buffer.from('plain text'), { type: 'text/plain' }));
  origin.route('/login.mp4', answers.htmlPage());
  origin.route('/gone', answers.status(410));
  origin.route('/busy', answers.status(503));
  origin.route('/garbage', answers.garbage());
  origin.route('/cut', answers.truncated(Buffer.alloc(500), { announced: 1_000 }));
  origin.route('/away', answers.redirect(`http://127.0.0.2/?token=${SECRET}`));
  const paths = ['file.txt', 'login.mp4', 'gone', 'busy', 'garbage', 'cut', 'away', 'missing'];
  return paths.map((path) => ({
    url: `${origin.url}/${path}?token=${SECRET}`,
    id: path,
    fileName: `${path} ${SECRET}`,
    metadata: { note: SECRET },
  }));
}

/** Everything that the Temporal server keeps about every workflow, with its payloads decoded. */
async function temporalRecords(address: string): Promise<string> {
  const connection = await Connection.connect({ address });
  const client = new Client({ connection });
  let text = '';
  for await (const { workflowId, runId, ...rest } of client.workflow.list()) {
    const history = await client.workflow.getHandle(workflowId, runId).fetchHistory();
    text += JSON.stringify([workflowId, rest.memo, rest.typedSearchAttributes, history]);
  }
  await connection.close();
  // Payloads are base64 in the JSON of a history; a secret inside one has to be seen.
  return text.replaceAll(/"data":"([A-Za-z0-9+/=]+)"/g, (_all, data: string) => Buffer.from(data, 'base64').toString());
}

describe('what a client entrusts to the service', () => {
  it('is in no log, metric, answer or Temporal record after a run with many kinds of failure', async () => {
    const { api, temporal, token, webhookSecret } = await stack.run();
    const client = await stack.client();
    const id = await client.submit('files', {
      systemName: 'secrets',
      webhook: `${receiver.url}?token=${SECRET}`,
      context: { note: SECRET },
      files: videos(),
    });

    const status = await waitForImport({ client, plural: 'files', id, pollMs: 200 });
    await receiver.verified(id, webhookSecret);
    const bad = await fetch(`${api}/api/v1/import/files?token=${SECRET}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token ?? ''}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        systemName: 'x',
        files: [{ url: `ftp://user:${SECRET}@host/`, id: 1, [`$${SECRET}`]: 1 }],
      }),
    });
    expect(bad.status).toBe(400);

    const logs = join(stack.dataDir, 'logs');
    const metrics = await Promise.all(
      [1, 2].map(async (offset) =>
        (await fetch(`http://127.0.0.1:${Number(stack.env['PORT']) + offset}/metrics`)).text(),
      ),
    );
    const places: Record<string, string> = {
      status: JSON.stringify(status),
      import: JSON.stringify(await client.show(id)),
      output: stack
        .output()
        .replaceAll(token ?? '', '')
        .replaceAll(webhookSecret, ''),
      metrics: metrics.join('\n'),
      temporal: await temporalRecords(temporal),
      ...Object.fromEntries(readdirSync(logs).map((name) => [name, readFileSync(join(logs, name), 'utf8')])),
    };
    expect(places['temporal']?.includes('"itemCount":8')).toBe(true);
    expect(places['metrics']).toContain('durable_import_items_settled_total');
    for (const [place, text] of Object.entries(places)) {
      for (const secret of [SECRET, token ?? '', webhookSecret, webhookSecret.replace('whsec_', '')])
        expect({ place, leaks: text.includes(secret) }).toEqual({ place, leaks: false });
    }
  });
});

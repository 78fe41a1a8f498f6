import cliProgress from 'cli-progress';
import { KINDS } from '../../domain/import.js';
import { DEMO_BATCHES, demoBody, demoProblems, mediaIdsIn, type DemoBatch } from './batches.js';
import type { WebhookReceiver } from './servers.js';
import type { LoopbackServer } from '../../local-stack/ports.js';
import { DEFAULT_PROJECT } from '../../local-stack/project.js';
import type { RunFile } from '../../local-stack/files.js';
import { createStore } from '../../store/open-store.js';
import { loadConfig } from '../../config.js';
import { createApiClient, type ApiClient } from '../api-client.js';
import type { CliContext } from '../context.js';
import { waitForImport } from '../status.js';

export interface DemoOptions {
  readonly run: RunFile;
  readonly origin: LoopbackServer;
  readonly receiver: WebhookReceiver;
  readonly context: CliContext;
}

/** The flaky source alone takes 3 s; the bar should move. */
const POLL_MS = 250;
/** It is delivered within a second of the end; a busy machine is slower. */
const WEBHOOK_WITHIN_MS = 30_000;

/**
 * Imports the samples through the HTTP API and shows what came of it.
 * @returns what is not as expected, one sentence each
 */
export async function runDemo({ run, origin, receiver, context }: DemoOptions): Promise<string[]> {
  const { print, env } = context;
  if (run.token === null) throw new Error('The demo makes its own token and cannot use TOKEN_JWKS_FILE: unset it');
  const client = createApiClient({ api: run.api, token: run.token });
  // A name of its own for every demo: the media of the last one would be skipped as already there.
  const systemName = `demo-${Date.now().toString(36)}`;
  const where = { systemName, origin: origin.origin, webhook: `${receiver.origin}/webhook` };
  const submitted = await Promise.all(
    DEMO_BATCHES.map(async (batch) => ({
      batch,
      id: await client.submit(KINDS[batch.kind].plural, demoBody(batch, where)),
    })),
  );
  const finished = await waitForAll(submitted, client);

  const problems: string[] = [];
  const store = await createStore({ url: run.mongodb, database: loadConfig(env).MONGODB_DATABASE });
  try {
    for (const { batch, id, status } of finished) {
      print(`\nStatus of the ${KINDS[batch.kind].plural} import ${id}:\n${JSON.stringify(status, null, 2)}`);
      problems.push(...demoProblems(batch, status));
      for (const mediaId of mediaIdsIn(batch.kind, status)) {
        const media = await store.media.find(DEFAULT_PROJECT, mediaId);
        if (media === null) problems.push(`The media record ${mediaId} is missing`);
        else print(`Media record: ${JSON.stringify(media)}`);
      }
      const { body, webhookId } = await receiver.receive(id, WEBHOOK_WITHIN_MS);
      if (body === null) problems.push(`The signature of the webhook for ${id} is not good`);
      else print(`Webhook ${webhookId}, signature verified: ${JSON.stringify(body)}`);
      const { workflow } = await client.show(id);
      print(`Temporal UI: ${workflow?.url ?? run.ui ?? 'not known'}`);
    }
  } finally {
    await store.close();
  }
  return problems;
}

async function waitForAll(submitted: readonly { batch: DemoBatch; id: string }[], client: ApiClient) {
  const total = submitted.reduce((sum, { batch }) => sum + batch.items.length, 0);
  const bar = new cliProgress.SingleBar({
    format: 'Importing {bar} {value}/{total} items · {duration_formatted}',
    // Also in a log file, where every step is a line of its own.
    noTTYOutput: true,
    notTTYSchedule: 2_000,
    stream: process.stderr,
  });
  const done = new Map<string, number>();
  bar.start(total, 0);
  try {
    return await Promise.all(
      submitted.map(async ({ batch, id }) => {
        const status = await waitForImport({
          client,
          plural: KINDS[batch.kind].plural,
          id,
          pollMs: POLL_MS,
          onProgress: ({ total: items, open }) => {
            done.set(id, items - open);
            bar.update([...done.values()].reduce((sum, count) => sum + count, 0));
          },
        });
        done.set(id, batch.items.length);
        bar.update([...done.values()].reduce((sum, count) => sum + count, 0));
        return { batch, id, status };
      }),
    );
  } finally {
    bar.stop();
  }
}

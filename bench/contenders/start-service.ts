import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { importWorkflowId } from '../../src/temporal/names.js';
import { DEFAULT_PROJECT } from '../../src/local-stack/project.js';
import type { Bench } from '../setup/with-bench.js';
import type { Contender } from './contender.js';
import { historyCost } from './history-cost.js';
import { SERVICE } from './names.js';
import { importThroughService } from './service.js';

/** (c) This service, through its HTTP API. */
export async function startService(bench: Bench): Promise<Contender> {
  const connection = await Connection.connect({ address: bench.temporal });
  bench.cleanup.add(() => connection.close());
  const client = new Client({ connection });
  const { api, token, origin } = bench;
  return {
    name: SERVICE,
    description: 'this service, from the POST to the end of the batch',
    pids: bench.pids,
    blobs: join(bench.dataDir, 'blobs'),
    async run(run) {
      const { seconds, importIds, posted } = await importThroughService({ api, token, origin: origin.origin, run });
      const workflowIds = importIds.map((id) => importWorkflowId(DEFAULT_PROJECT, id));
      return { seconds, history: () => historyCost(client, workflowIds), note: posted };
    },
  };
}

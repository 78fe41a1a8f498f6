import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mediaIdOf } from '../../../src/domain/ids.js';
import { createTemporalWorkflows, type ImportWorkflows } from '../../../src/temporal/client.js';
import { aFetch, anActivityBench, type ActivityBench } from '../../support/activity-bench.js';
import { anAsset } from '../../support/builders.js';
import { eventually } from '../../support/eventually.js';
import { aGateway, type TestGateway } from '../../support/gateway.js';
import { anItem } from '../../support/import-builders.js';
import { ndjson, openPost } from '../../support/posted-lines.js';
import { aTaskQueue, connectTestTemporal, type TestTemporal } from '../../servers/temporal.js';
import { withWorkflowWorker } from '../../support/workflow-worker.js';

const VIDEOS = '/api/v1/import/videos';
/** Later than anything was touched. */
const LATER = () => new Date(Date.now() + 3_600_000);

describe('imports of the same media', () => {
  const taskQueue = aTaskQueue();
  let temporal: TestTemporal;
  let gateway: TestGateway;
  let bench: ActivityBench;
  let workflows: ImportWorkflows;
  beforeAll(async () => {
    temporal = await connectTestTemporal();
    workflows = createTemporalWorkflows({ client: temporal.client, taskQueue });
    gateway = await aGateway({ workflows });
    // The content is named by the last part of the URL.
    bench = await anActivityBench(({ url }) => Promise.resolve(aFetch(new URL(url).pathname.slice(1))), {
      store: gateway.store,
    });
  });
  afterAll(async () => {
    await bench.close();
    await gateway.close();
    await temporal.close();
  });

  const idOf = (body: unknown) => (body as { id: string }).id;
  const finished = (id: string) =>
    eventually(`an end of import ${id}`, async () => {
      const batch = await gateway.store.batches.find('p1', id);
      return batch?.finishedAt !== undefined && batch;
    });
  const held = async () => {
    const media = await gateway.store.media.find('p1', mediaIdOf('p1', 's', 'the film'));
    return media?.asset.sha256;
  };

  it('leave what was accepted last, although its lines had begun to arrive before the other POST', async () => {
    await withWorkflowWorker(
      temporal,
      bench.activities,
      async () => {
        const headers = { authorization: `Bearer ${gateway.client.token}`, 'content-type': 'application/x-ndjson' };
        const slow = openPost(`${gateway.origin}${VIDEOS}`, headers);
        await slow.send(ndjson([anItem('the film', { url: 'https://cdn.example.com/slow' })]));
        const storing = await eventually('a batch whose lines arrive', async () => {
          return (await gateway.store.batches.findHalfStored(LATER(), 1))[0];
        });
        expect(storing).toMatchObject({ state: 'storing', importSeq: 0 });

        const quick = anItem('the film', { url: 'https://cdn.example.com/quick' });
        const { body } = await gateway.client.post(VIDEOS, { systemName: 's', videos: [quick] });
        const first = await finished(idOf(body));
        expect(await held()).toBe(anAsset('quick').sha256);
        const answer = await slow.answer();
        const second = await finished(idOf(answer.body));

        expect(answer.status).toBe(200);
        expect(second._id).toBe(storing._id);
        expect(second.importSeq).toBe(first.importSeq + 1);
        expect(await gateway.store.items.find(second._id, 0)).toMatchObject({ state: 'success', action: 'updated' });
        expect(await held()).toBe(anAsset('slow').sha256);
      },
      taskQueue,
    );
  });
});

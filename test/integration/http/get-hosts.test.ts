import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { aBatch, aProjectId, aSettlement, anItemSpec } from '../../support/builders.js';
import { aGateway, type TestGateway } from '../../support/gateway.js';
import type { HttpClient } from '../../support/http-client.js';

interface HostList {
  readonly items: readonly { readonly host: string; readonly waiting: number; readonly message: string }[];
  readonly next: string | null;
}

let gateway: TestGateway;
beforeAll(async () => {
  gateway = await aGateway();
});
afterAll(() => gateway.close());

/** A running batch with an item of each of these hosts. */
async function running(projectId: string, hosts: readonly string[]) {
  const batch = aBatch({ projectId, itemCount: hosts.length });
  const { batches, items } = gateway.store;
  await batches.insert(batch);
  await items.insertMany(
    batch,
    hosts.map((host, seq) => anItemSpec(seq, { host })),
  );
  await batches.markAccepted(batch._id, { itemCount: hosts.length, importSeq: 1 });
  return batch;
}

async function aProject(): Promise<{
  projectId: string;
  client: HttpClient;
  list: (query?: string) => Promise<HostList>;
}> {
  const projectId = aProjectId();
  const client = await gateway.clientOf({ projectId });
  const list = async (query = '') => (await client.get(`/api/v1/hosts${query}`)).body as HostList;
  return { projectId, client, list };
}

const cooling = (host: string, ms: number) =>
  gateway.store.hosts.changeTrouble(host, () => ({
    code: 'rate_limited',
    failures: 3,
    since: new Date(),
    pauses: 1,
    tries: [],
    coolingUntil: new Date(Date.now() + ms),
  }));

describe('GET /api/:v/hosts', () => {
  it('says how the hosts are that running imports of the project have open items of', async () => {
    const { projectId, list } = await aProject();
    const batch = await running(projectId, [
      'slow.example',
      'slow.example',
      'slow.example',
      'well.example',
      'done.example',
    ]);
    await running(projectId, ['slow.example']);
    await gateway.store.items.settle(aSettlement(batch._id, 4));
    await gateway.store.hosts.slots.take('w', 'well.example', 2, 16);
    await cooling('slow.example', 600_000);

    expect(await list()).toEqual({
      items: [
        {
          host: 'slow.example',
          state: 'cooling',
          coolingUntil: expect.stringMatching(/Z$/) as unknown,
          code: 'rate_limited',
          failures: 3,
          waiting: 4,
          active: 0,
          limit: 16,
          message: expect.stringMatching(/^cooling until \d\d:\d\d, 4 items waiting$/) as unknown,
        },
        {
          host: 'well.example',
          state: 'ok',
          failures: 0,
          waiting: 1,
          active: 2,
          limit: 16,
          message: '1 item waiting',
        },
      ],
      next: null,
    });
  });

  it('shows nothing of hosts that only other projects use, or only imports that have ended', async () => {
    const [mine, other] = [await aProject(), await aProject()];
    await running(other.projectId, ['theirs.example']);
    const ended = await running(mine.projectId, ['ended.example']);
    const counts = { success: 0, skipped: 0, failed: 0 };
    await gateway.store.batches.finish(mine.projectId, ended._id, {
      state: 'failed',
      counts,
      bytes: 0,
      at: new Date(),
    });
    await cooling('theirs.example', 600_000);

    expect(await mine.list()).toEqual({ items: [], next: null });
    expect((await other.list()).items).toHaveLength(1);
  });

  it('goes on after a cursor until there is no more', async () => {
    const { projectId, list } = await aProject();
    await running(projectId, ['a.example', 'b.example', 'c.example']);

    const first = await list('?limit=2');
    const second = await list(`?limit=2&after=${String(first.next)}`);

    expect(first.items.map(({ host }) => host)).toEqual(['a.example', 'b.example']);
    expect(second).toMatchObject({ items: [{ host: 'c.example' }], next: null });
  });

  it('refuses what it does not know, and whoever may not write', async () => {
    const { client, projectId } = await aProject();
    const reader = await gateway.clientOf({ projectId, scope: 'public-api:read' });

    await expect(client.get('/api/v1/hosts?limit=0&state=ok')).resolves.toMatchObject({
      status: 400,
      body: { error_details: { limit: expect.any(String) as unknown, state: 'Is not a parameter of this route' } },
    });
    await expect(reader.get('/api/v1/hosts')).resolves.toMatchObject({ status: 403 });
  });
});

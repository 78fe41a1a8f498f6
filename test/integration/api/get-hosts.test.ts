import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { HostCircuit } from '../../../src/domain/host.js';
import { aBatch, aProjectId, aSettlement, anAttempt, anItemSpec } from '../../support/builders.js';
import { aGateway, type TestGateway } from '../../support/gateway.js';
import type { HttpClient } from '../../support/http-client.js';

interface HostList {
  readonly items: readonly { readonly host: string; readonly state: string; readonly message: string }[];
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

/** Opens the circuit of a host for some projects. */
const cooling = (host: string, ms: number, ...projectIds: string[]) =>
  gateway.store.hosts.changeCircuits(host, () =>
    projectIds.map((projectId): HostCircuit => {
      const now = new Date();
      return {
        ...{ projectId, evidence: 'busy', code: 'rate_limited', failures: 6, urls: ['a', 'b'], since: now },
        ...{ pauses: 1, tries: [now], openUntil: new Date(now.getTime() + ms) },
      };
    }),
  );

/** A worker whose lease is fresh takes slots of a host. */
async function takeSlots(host: string, count: number) {
  const { leases, slots } = gateway.store.hosts;
  await leases.open('w');
  await slots.take('w', host, count, 16);
}

describe('GET /api/:v/hosts', () => {
  it('tells the state of each host that running imports of the project have open items of', async () => {
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
    await takeSlots('well.example', 2);
    await cooling('slow.example', 600_000, projectId);

    expect(await list()).toEqual({
      items: [
        {
          host: 'slow.example',
          state: 'cooling',
          coolingUntil: expect.stringMatching(/Z$/) as unknown,
          code: 'rate_limited',
          failures: 6,
          waiting: 4,
          active: 0,
          limit: 16,
          message: expect.stringMatching(/^cooling until \d\d:\d\d:\d\d UTC, 4 items open$/) as unknown,
        },
        {
          host: 'well.example',
          state: 'ok',
          failures: 0,
          waiting: 1,
          active: 2,
          limit: 16,
          message: '1 item open',
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
    await cooling('theirs.example', 600_000, other.projectId);

    expect(await mine.list()).toEqual({ items: [], next: null });
    expect((await other.list()).items).toHaveLength(1);
  });

  it('tells the failures of hosts that answer 500 or do not answer in time, although nothing rests', async () => {
    const { projectId, list } = await aProject();
    const hosts = [...Array<string>(4).fill('broken.example'), ...Array<string>(2).fill('mute.example')];
    const batch = await running(projectId, hosts);
    const later = new Date(Date.now() + 600_000);
    const fail = (seq: number, code: 'http_5xx' | 'timeout', at: number) =>
      gateway.store.items.recordAttempt(batch._id, seq, anAttempt({ at: new Date(at), code }), 'It failed', later);
    for (const seq of [0, 1, 2]) for (const at of [1, 2]) await fail(seq, 'http_5xx', at);
    for (const seq of [4, 5]) await fail(seq, 'timeout', 1);

    const { items } = await list();

    expect(items).toEqual([
      {
        ...{ host: 'broken.example', state: 'ok', code: 'http_5xx', failures: 6, waiting: 4, active: 0, limit: 16 },
        open: [{ code: 'http_5xx', count: 3 }],
        message: '4 items open, 3 of them failed an attempt',
      },
      {
        ...{ host: 'mute.example', state: 'ok', code: 'timeout', failures: 2, waiting: 2, active: 0, limit: 16 },
        open: [{ code: 'timeout', count: 2 }],
        message: '2 items open, 2 of them failed an attempt',
      },
    ]);
  });

  it('shows a host as cooling to the project that found it closed, and to all when three projects have', async () => {
    const [mine, other] = [await aProject(), await aProject()];
    for (const { projectId } of [mine, other]) await running(projectId, ['limited.example', 'shut.example']);
    await cooling('limited.example', 600_000, mine.projectId);
    await cooling('shut.example', 600_000, aProjectId(), aProjectId(), aProjectId());

    const statesOf = async ({ list }: typeof mine) => (await list()).items.map(({ state }) => state);

    expect(await statesOf(mine)).toEqual(['cooling', 'cooling']);
    expect(await statesOf(other)).toEqual(['ok', 'cooling']);
  });

  it('does not count the slots of a worker that has died', async () => {
    const { projectId, list } = await aProject();
    await running(projectId, ['left.example']);
    await gateway.store.hosts.slots.take('gone', 'left.example', 5, 16);

    expect((await list()).items).toMatchObject([{ host: 'left.example', active: 0 }]);
  });

  it('continues after a cursor until there is no more', async () => {
    const { projectId, list } = await aProject();
    await running(projectId, ['a.example', 'b.example', 'c.example']);

    const first = await list('?limit=2');
    const second = await list(`?limit=2&after=${String(first.next)}`);

    expect(first.items.map(({ host }) => host)).toEqual(['a.example', 'b.example']);
    expect(second).toMatchObject({ items: [{ host: 'c.example' }], next: null });
  });

  it('refuses parameters that it does not know, and tokens that may not read', async () => {
    const { client, projectId } = await aProject();
    const reader = await gateway.clientOf({ projectId, scope: 'public-api:read' });
    const operator = await gateway.clientOf({ projectId, scope: 'operations' });

    await expect(client.get('/api/v1/hosts?limit=0&state=ok')).resolves.toMatchObject({
      status: 400,
      body: { error_details: { limit: expect.any(String) as unknown, state: 'Is not a parameter of this route' } },
    });
    await expect(reader.get('/api/v1/hosts')).resolves.toMatchObject({ status: 200 });
    await expect(operator.get('/api/v1/hosts')).resolves.toMatchObject({
      status: 403,
      body: { error_details: { scope: 'Lacks public-api:read or public-api:write' } },
    });
  });
});

import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { newBatchId } from '../../../src/domain/ids.js';
import { outageOf } from '../../../src/temporal/client.js';
import { createStore, type OpenedStore } from '../../../src/store/open-store.js';
import { aBatch, aMediaWrite, aProjectId, aSettlement, itemSpecs } from '../../support/builders.js';
import { eventually } from '../../support/eventually.js';
import { aGateway, type TestGateway } from '../../support/gateway.js';
import { startReplicaSet, type ReplicaSet } from '../../servers/replica-set.js';

const found = await startReplicaSet();
/** Named with the reason, so that the output of a run without such a server says why. */
const skipped = 'reason' in found ? `skipped: ${found.reason}` : undefined;
if (skipped !== undefined) process.stderr.write(`The service on a replica set (${skipped})\n`);

(skipped === undefined ? describe : describe.skip)(
  `the service on a replica set (${skipped ?? (found as ReplicaSet).name})`,
  () => {
    const set = found as ReplicaSet;
    const lines: string[] = [];
    let store: OpenedStore;
    let gateway: TestGateway;
    beforeAll(async () => {
      const note = (...said: unknown[]) => void lines.push(String(said.at(-1)));
      const logger = { info: note, warn: note };
      store = await createStore({ url: set.url, database: 'failover', logger });
      gateway = await aGateway({ replace: () => ({ store }) });
    });
    afterEach(async () => {
      await set.heal();
      lines.length = 0;
    });
    afterAll(async () => {
      await gateway.close();
      await store.close();
      await set.stop();
    });

    const post = (id: string) =>
      gateway.client.post(
        '/api/2026-11/import/videos',
        {
          systemName: 'failover',
          videos: [{ url: 'https://media.example.com/a.mp4', id, fileName: 'a.mp4', metadata: {} }],
        },
        { headers: { 'Idempotency-Key': id } },
      );

    it('starts: the indexes are made with a quorum, and a second process finds them', async () => {
      const second = await createStore({ url: set.url, database: 'failover' });

      await expect(second.ping()).resolves.toBeUndefined();

      await second.close();
    });

    it('imports: majority reads see what majority writes have acknowledged', async () => {
      const batch = aBatch();
      const { _id: batchId, projectId } = batch;
      await store.batches.insert(batch);
      await store.items.insertMany(batch, itemSpecs(300));
      await store.batches.markAccepted(batchId, { itemCount: 300, importSeq: 1 });

      const { result, mediaId } = await store.media.upsert(aMediaWrite({ projectId }));
      const settled = await Promise.all([0, 1, 2].map((seq) => store.items.settle(aSettlement(batchId, seq))));
      let rest = 0;
      await store.items.settleOpen(batchId, 'timeout', 'Gone', (count) => (rest += count));

      expect(result).toBe('created');
      await expect(store.media.find(projectId, mediaId)).resolves.toMatchObject({ _id: mediaId });
      expect(settled).toEqual([true, true, true]);
      expect(rest).toBe(297);
      await expect(store.items.totals(batchId)).resolves.toMatchObject({ open: 0, success: 3, failed: 297 });
      await expect(store.batches.find(projectId, batchId)).resolves.toMatchObject({
        state: 'accepted',
        itemCount: 300,
      });
    });

    it('finds a notice that a blob goes with a linearizable read', async () => {
      const sha256 = 'd'.repeat(64);
      await store.removalNotices.announce('collector', [sha256]);

      await expect(store.removalNotices.find(sha256)).resolves.toMatchObject({ state: 'removing' });
      await expect(store.removalNotices.find('e'.repeat(64))).resolves.toBeNull();
    });

    it('keeps leases by the clock of the primary', async () => {
      const lease = `w${newBatchId()}`;
      const opened = await store.hosts.leases.open(lease);

      const renewed = await store.hosts.leases.renew(lease);
      const now = await store.databaseTime();

      expect(renewed?.getTime()).toBeGreaterThanOrEqual(opened.getTime());
      expect(Math.abs(now.getTime() - opened.getTime())).toBeLessThan(60_000);
    });

    it.each([
      ['insert', { errorCode: 10107 }],
      ['insert', { errorCode: 11602 }],
      ['insert', { writeConcernError: { code: 91, errmsg: 'shutting down' } }],
      ['insert', { writeConcernError: { code: 64, errmsg: 'waiting for replication timed out' } }],
      ['findAndModify', { writeConcernError: { code: 91, errmsg: 'shutting down' } }],
      ['update', { errorCode: 11600 }],
      ['insert', { closeConnection: true }],
    ])(
      'answers a POST 503 with Retry-After while every %s fails with %j, and accepts it once afterwards',
      async (command, data) => {
        const id = randomUUID();
        await set.fail('alwaysOn', { failCommands: [command], ...data });

        const failed = await post(id);
        await set.heal();
        const accepted = await eventually('an accepted POST', async () => {
          const answer = await post(id);
          return answer.status === 200 && answer;
        });

        expect(failed.status).toBe(503);
        expect(Number(failed.headers.get('retry-after'))).toBeGreaterThan(0);
        const { id: batchId } = accepted.body as { id: string };
        expect((await post(id)).body).toEqual({ id: batchId });
        expect(gateway.workflows.started.filter((started) => started.batchId === batchId)).toHaveLength(1);
      },
    );

    /** Repeats what meets an outage, as clients and activities do: SecantusDB labels no answer as worth the driver's own repetition. */
    const insist = async <T>(work: () => Promise<T>): Promise<T> => {
      const { result } = await eventually('an end of the outage', async () => {
        try {
          return { result: await work() };
        } catch (error) {
          if (outageOf(error) !== 'mongodb') throw error;
          return null;
        }
      });
      return result;
    };

    it('goes through a step-down: writes take effect once, the gateway stays ready, and it is told once', async () => {
      const projectId = aProjectId();
      const batch = aBatch({ projectId });
      await store.batches.insert(batch);
      await store.items.insertMany(batch, itemSpecs(40));
      const startedAt = performance.now();
      await set.stepDown(3);

      const ready = await gateway.client.get('/readyz');
      await Promise.all(itemSpecs(40).map(({ seq }) => insist(() => store.items.settle(aSettlement(batch._id, seq)))));
      // One after the other: SecantusDB gives two callers at once the same number, which MongoDB does not.
      const numbers: number[] = [];
      for (let drawn = 0; drawn < 5; drawn += 1)
        numbers.push(await insist(() => store.batches.nextImportSeq(projectId)));
      const waitedMs = performance.now() - startedAt;

      expect(ready.status).toBe(200);
      expect(new Set(numbers).size).toBe(5);
      // mongod takes up to 19 s to elect the only member again.
      expect(waitedMs).toBeGreaterThan(2_000);
      expect(waitedMs).toBeLessThan(30_000);
      expect(lines).toEqual([
        'MongoDB has no server that takes writes: it restarts or elects a primary',
        'MongoDB takes writes again',
      ]);
      await expect(store.items.totals(batch._id)).resolves.toEqual({
        ...{ open: 0, success: 40, skipped: 0, failed: 0, bytes: 40_000 },
      });
    });
  },
);

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { mediaIdOf } from '../../../src/domain/ids.js';
import { itemKey } from '../../../src/domain/item.js';
import type { Store } from '../../../src/store/store.js';
import { collectionsOf, type Collections } from '../../../src/store/collections.js';
import { createStore } from '../../../src/store/open-store.js';
import { createSecretBox } from '../../../src/store/secret-box.js';
import { createItemStore } from '../../../src/store/items.js';
import { createMediaStore } from '../../../src/store/media.js';
import { aProjectId, anItemSpec } from '../../support/builders.js';
import { aTestStore, type TestStore } from '../../support/store.js';
import { checkItem, checkMedia, groupBy } from './check-import-history.js';
import { itemAttempts, plannedItems, type PlannedItem } from './import-plan.js';
import { batchIdOf, createAttemptRunner, type ImportHistory, type Worker } from './run-import-plan.js';
import { createSchedule, scheduled } from './scheduled-collection.js';

const WORKERS = 4;
/** About two minutes of processor time, half of it in the MongoDB emulator; a limit is there to end a hang. */
const BOUND_MS = 600_000;

/** 200 schedules take about 15 s on two idle cores; a busy machine tries fewer, and shrinks a failure less far. */
const SCHEDULES_MS = 60_000;

let test: TestStore;
let collections: Collections;
const stores: Store[] = [];

beforeAll(async () => {
  test = await aTestStore();
  collections = collectionsOf(test.database.db);
  const { url, database } = test.database;
  while (stores.length < WORKERS) stores.push(await createStore({ url, database }));
});
afterAll(async () => {
  await Promise.all(stores.map((store) => store.close()));
  await test.close();
});

async function storeItems(projectId: string, items: readonly PlannedItem[]): Promise<void> {
  for (const ofBatch of groupBy(items, ({ batch }) => batch)) {
    const [first] = ofBatch;
    if (first === undefined) continue;
    const specs = ofBatch.map(({ key }) => anItemSpec(key));
    await test.store.items.insertMany({ _id: batchIdOf(projectId, first), projectId }, specs);
  }
}

/** Everything that has to be true at the end, of all media and of all items that there are. */
async function check(projectId: string, history: ImportHistory, settled: readonly PlannedItem[]): Promise<void> {
  const media = await collections.media.find({ projectId }).toArray();
  const byId = new Map(media.map((each) => [each._id, each]));
  const ofKeys = groupBy(history.writes, ({ item }) => item.key);
  expect(media).toHaveLength(ofKeys.length);
  for (const writes of ofKeys) {
    const stored = byId.get(mediaIdOf(projectId, 'cms', `key-${writes[0]?.item.key}`));
    if (stored === undefined) throw new Error('A media is missing');
    checkMedia(writes, stored);
  }
  const items = await collections.items.find({ projectId }).toArray();
  const itemsById = new Map(items.map((item) => [item._id, item]));
  expect(items).toHaveLength(settled.length);
  for (const planned of settled) {
    const item = itemsById.get(itemKey(batchIdOf(projectId, planned), planned.key));
    if (item === undefined) throw new Error('An item is missing');
    checkItem(planned, history, item);
  }
}

describe('effects of batches over the same keys', () => {
  it(
    'happen exactly once in any order of the operations on the database',
    async () => {
      const schedules = fc.record({
        items: plannedItems({ batches: 5, items: 7 }),
        // Without items to settle the writes of media lie closer together.
        settles: fc.boolean(),
        // With as many as there are attempts each operation finds its own place in the order; with few, some are gathered.
        workerCount: fc.constantFrom(3, 30),
        picks: fc.array(fc.nat(50), { minLength: 100, maxLength: 300 }),
      });
      const property = fc.asyncProperty(schedules, async ({ items, settles, workerCount, picks }) => {
        const projectId = aProjectId();
        const settled = settles ? items : [];
        await storeItems(projectId, settled);
        const { gate, run } = createSchedule(picks);
        const turn = () => gate(() => Promise.resolve());
        const workers = Array.from({ length: workerCount }, (): Worker => {
          const now = () => new Date();
          return {
            media: createMediaStore({ media: scheduled(collections.media, gate), now, pause: turn }),
            items: createItemStore({
              items: scheduled(collections.items, gate),
              failures: collections.failures,
              box: createSecretBox(undefined),
              now,
            }),
          };
        });
        const runner = createAttemptRunner({ projectId, workers, hasItem: () => settles });

        const attempts = items.flatMap((item) => item.attempts.map((attempt) => ({ item, attempt })));
        const work = attempts.map(async ({ item, attempt }, worker) => {
          await turn();
          await runner.run(item, { ...attempt, worker });
        });
        await run(Promise.all(work));

        await check(projectId, runner.history, settled);
      });
      await fc.assert(property, { numRuns: 200, interruptAfterTimeLimit: SCHEDULES_MS });
    },
    BOUND_MS,
  );

  it(
    'happen exactly once for 1,000 keys in 50 batches that four workers bring at the same time',
    async () => {
      const [BATCHES, KEYS, IN_FLIGHT] = [50, 1_000, 256];
      /** Items make half of the work and are independent of each other: these show as much as all. */
      const hasItem = ({ key }: PlannedItem) => key % 10 === 0;
      const property = fc.asyncProperty(fc.integer(), async (seed) => {
        const projectId = aProjectId();
        const deliveries = fc.sample(itemAttempts(5), { seed, numRuns: BATCHES * KEYS });
        const items = deliveries.map((attempts, n): PlannedItem => {
          return { batch: Math.floor(n / KEYS), key: n % KEYS, attempts };
        });
        await storeItems(projectId, items.filter(hasItem));
        const runner = createAttemptRunner({ projectId, workers: stores, hasItem });
        const places = fc.sample(fc.double({ min: 0, max: 25, noNaN: true }), { seed, numRuns: items.length });
        // Later batches tend to come later, as they do.
        const placed = items.map((item, n) => ({ item, place: item.batch + (places[n] ?? 0) }));
        const queue = placed.sort((a, b) => a.place - b.place).map(({ item }) => item);

        let next = 0;
        const lane = async () => {
          while (next < queue.length) {
            const item = queue[next++];
            if (item === undefined) break;
            await Promise.all(item.attempts.map((attempt) => runner.run(item, attempt)));
          }
        };
        await Promise.all(Array.from({ length: IN_FLIGHT }, lane));

        await check(projectId, runner.history, items.filter(hasItem));
      });
      await fc.assert(property, { numRuns: 1, endOnFailure: true });
    },
    BOUND_MS,
  );
});

import { connect } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { aGateway, type TestGateway } from '../../support/gateway.js';
import { itemLines, openPost } from '../../support/posted-lines.js';

/** Storing 100,000 items takes the MongoDB emulator half a minute on idle cores, and some minutes on busy ones. */
jest.setTimeout(900_000);

const ITEMS = 100_000;
/** 100,000 items as objects take 100 MB. Two chunks, the hashes of all ids (2 MB) and garbage not yet collected take less. */
const HEAP_BYTES = 40 * 1024 * 1024;

/** Largest live heap, looked at as often as `look` is called. */
function watchHeap() {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  const before = process.memoryUsage();
  let peak = 0;
  return {
    look: () => {
      collect();
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      peak = Math.max(peak, heapUsed + arrayBuffers - before.heapUsed - before.arrayBuffers);
    },
    peak: () => peak,
  };
}

describe('a batch of 100,000 items', () => {
  let gateway: TestGateway;
  let id: string;
  beforeAll(async () => {
    gateway = await aGateway();
  });
  afterAll(() => gateway.close());

  it('is accepted line by line in bounded memory', async () => {
    const { token } = gateway.client;
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/x-ndjson' };
    const heap = watchHeap();
    const posted = openPost(`${gateway.origin}/api/v1/import/videos`, headers);
    await posted.send('{"systemName":"large"}\n');
    let pieces = 0;
    for (const lines of itemLines(ITEMS, { text: 'x'.repeat(600) })) {
      await posted.send(lines);
      if (pieces++ % 20 === 0) heap.look();
    }
    const { status, body } = await posted.answer();
    id = (body as { id: string }).id;

    expect(status).toBe(200);
    expect(await gateway.store.items.totals(id)).toMatchObject({ open: ITEMS });
    expect(await gateway.store.items.find(id, ITEMS - 1)).toMatchObject({ externalId: `i${ITEMS - 1}` });
    expect(heap.peak()).toBeLessThan(HEAP_BYTES);
  });

  it('is listed from its end as fast as from its start', async () => {
    const { body } = await gateway.client.get(`/api/v1/imports/${id}/items?after=${ITEMS - 3}`);

    expect(body).toMatchObject({ items: [{ seq: ITEMS - 2 }, { seq: ITEMS - 1 }], next: null });
  });

  it('has a status that is read no faster than its client takes it', async () => {
    await gateway.store.items.settleOpen(id, 'cancelled', 'x'.repeat(200));
    const counts = { success: 0, skipped: 0, failed: ITEMS };
    await gateway.store.batches.finish('p1', id, { state: 'success', counts, bytes: 0, at: new Date() });
    const heap = watchHeap();
    const { hostname, port } = new URL(gateway.origin);
    const socket = connect(Number(port), hostname);
    const path = `/api/v1/import/videos/status?id=${id}`;
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${gateway.client.token}\r\n\r\n`,
    );
    let bytes = 0;
    let tail = '';
    let looks = 0;
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      tail = (tail + chunk.toString('latin1')).slice(-200);
      if (looks++ % 50 === 0) heap.look();
    }

    expect(bytes).toBeGreaterThan(ITEMS * 250);
    expect(tail).toContain(`"externalId":"i${ITEMS - 1}"`);
    expect(heap.peak()).toBeLessThan(HEAP_BYTES);
  });
});

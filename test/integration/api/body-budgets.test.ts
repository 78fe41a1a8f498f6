import { once } from 'node:events';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { eventually } from '../../support/eventually.js';
import { attack } from '../../support/gateway-process/attack.js';
import { HOSTILE_BODIES } from '../../support/gateway-process/hostile-bodies.js';
import { spawnGateway, type GatewayProcess } from '../../support/gateway-process/spawn.js';
import { createHttpClient } from '../../support/http-client.js';
import { anItem } from '../../support/import-builders.js';
import { ndjson, openPost, type OpenPost } from '../../support/posted-lines.js';

jest.setTimeout(600_000);

/** What the container of docker-compose.yml leaves to the heap. */
const HEAP_MIB = 512;
/** The memory of that container. */
const CONTAINER_BYTES = 768 * 1024 ** 2;
const AT_ONCE = 50;
const VIDEOS = '/api/v1/import/videos';

describe(`a gateway with a heap of ${HEAP_MIB} MiB`, () => {
  let gateway: GatewayProcess;
  beforeAll(async () => {
    gateway = await spawnGateway(HEAP_MIB);
  });
  afterAll(() => gateway.close());

  const openPosts = async (count: number, headers: Record<string, string>): Promise<OpenPost[]> => {
    const authorization = `Bearer ${await gateway.tokenOf('greedy')}`;
    return Array.from({ length: count }, () => openPost(`${gateway.origin}${VIDEOS}`, { authorization, ...headers }));
  };
  /** Another project is served, and at once. */
  const expectServed = async () => {
    const other = createHttpClient(gateway.origin, await gateway.tokenOf('other'));
    const at = performance.now();
    const answer = await other.post(VIDEOS, { systemName: 's', videos: [anItem('a')] });
    expect(answer.status).toBe(200);
    expect(performance.now() - at).toBeLessThan(10_000);
  };
  const expectAlive = async () => {
    const { peakBytes } = await gateway.figures();
    process.stdout.write(`Peak memory so far: ${(peakBytes / 1024 ** 2).toFixed(0)} MiB\n`);
    expect(gateway.isAlive()).toBe(true);
    expect(peakBytes).toBeLessThan(CONTAINER_BYTES);
  };

  it.each(HOSTILE_BODIES.filter(({ costs }) => costs === 'memory'))(
    `survives ${AT_ONCE} at once of $name`,
    async (body) => {
      const { statuses } = await attack(gateway, body, { times: AT_ONCE, project: 'greedy' });

      // 0: the answer came while the rest of the body was being sent, and the connection was cut.
      for (const status of statuses) expect([...body.statuses, 413, 429, 503, 0]).toContain(status);
      await expectServed();
      await expectAlive();
    },
  );

  it('holds nothing for POSTs that are idle', async () => {
    const posts = await openPosts(20, { 'content-type': 'application/json', 'content-length': `${16 * 1024 ** 2}` });
    for (const post of posts) await post.send('{');

    await expectServed();
    for (const post of posts) post.request.destroy();
  });

  it('takes room for a body as it arrives, serves others meanwhile, and gives it back when the body breaks off', async () => {
    const posts = await openPosts(AT_ONCE, { 'content-type': 'application/json' });
    const refused = posts.map(async ({ request }) => {
      const [response] = (await once(request, 'response')) as [{ statusCode: number; headers: Record<string, string> }];
      return [response.statusCode, response.headers['retry-after']];
    });
    for (const answer of refused) answer.catch(() => undefined);
    const begin = `{"systemName":"s","videos":[${'{},'.repeat(3 * 1024 ** 2)}`;
    // Most are refused while they are still being sent.
    for (const post of posts) post.send(begin).catch(() => undefined);

    expect(await Promise.race(refused)).toEqual([429, '5']);
    await expectServed();
    for (const post of posts) post.request.destroy();
    // The room of 15.9 MiB and all that its items take is there again.
    const large = HOSTILE_BODIES.find(({ name }) => name.startsWith('10,000 items'));
    if (large === undefined) throw new Error('There is no such body');
    await eventually('room for a large body', async () => {
      const { statuses } = await attack(gateway, large, { project: 'greedy' });
      return statuses[0] === 200;
    });
    await expectAlive();
  });

  it('survives streams that hold back lines of many values, and stores what they hold after a second', async () => {
    const posts = await openPosts(AT_ONCE, { 'content-type': 'application/x-ndjson', 'content-encoding': 'gzip' });
    const items = Array.from({ length: 100 }, (_, index) => anItem(`${index}`, { metadata: { list: [] } }));
    const lines = ndjson(items).replaceAll('[]', `[${'{},'.repeat(4_000)}{}]`);
    // Without an end, so that all of it is unpacked and nothing is over.
    const packed = gzipSync(lines, { level: 1 });
    for (const post of posts) post.send(packed.subarray(0, -8)).catch(() => undefined);

    await expectServed();
    await expectAlive();
    for (const post of posts) post.request.destroy();
    await expectServed();
  });
});

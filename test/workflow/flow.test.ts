import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { runWorkers } from '../../src/process/task-queues.js';
import { eventually } from '../support/eventually.js';
import { aFlowRig, DRIP, GOOD, SILENT, type Behaviour, type FlowRig } from '../support/flow-rig.js';
import { connectTestTemporal, type TestTemporal } from '../servers/temporal.js';

/*
 * The promise that one bad source holds up no other one, with the default limits, one worker, and real servers. Limits of time are
 * twice those that hold on an idle machine; what they guard against takes minutes.
 */

let temporal: TestTemporal;
let rig: FlowRig;
beforeAll(async () => {
  temporal = await connectTestTemporal();
});
afterEach(() => rig.close());
afterAll(() => temporal.close());

/** Runs the worker while `body` posts to it. */
const whileWorking = (body: () => Promise<void>): Promise<void> => runWorkers(rig.workers, body);

const urls = (host: string, count: number, prefix = 'file') =>
  Array.from({ length: count }, (_, index) => rig.urlOf(host, `${prefix}-${index}`));

/** Alternating, as long as there are both. */
const mixed = (one: readonly string[], other: readonly string[]) =>
  one.flatMap((url, index) => [url, ...other.slice(index, index + 1)]);

/** Answers 500 to the first request for each path, and well afterwards. */
function failingOnce(): Behaviour {
  const seen = new Set<string>();
  return (request, response) => {
    const path = request.url ?? '';
    if (seen.has(path)) GOOD(request, response);
    else response.writeHead(500).end();
    seen.add(path);
  };
}

describe('with the limits of the default configuration', () => {
  beforeEach(async () => {
    rig = await aFlowRig(temporal);
  });

  describe('a source that takes requests and never answers', () => {
    it('holds up no healthy item behind it in a small import', async () => {
      rig.serve('silent.example.com', SILENT);
      await whileWorking(async () => {
        const posted = await rig.post([...urls('silent.example.com', 60), ...urls('well.example.com', 60)]);

        expect(await posted.succeeded('well.example.com', 60)).toBeLessThan(10_000);
        await posted.terminate();
      });
    });

    it('holds up no healthy item among 300 of its own in a large import', async () => {
      rig.serve('silent.example.com', SILENT);
      await whileWorking(async () => {
        const posted = await rig.post(mixed(urls('silent.example.com', 300), urls('well.example.com', 300)));

        expect(await posted.succeeded('well.example.com', 300)).toBeLessThan(15_000);
        await posted.terminate();
      });
    });

    it('holds up neither the item, nor the webhook, nor the cancellation of another project, in four imports', async () => {
      rig.serve('silent.example.com', SILENT);
      const { receiver } = rig;
      await whileWorking(async () => {
        const full = await Promise.all([1, 2, 3, 4].map(() => rig.post(urls('silent.example.com', 60))));
        await eventually('items under way', async () => (await full[3]?.count('open')) === 60);
        const single = await rig.post([rig.urlOf('well.example.com', 'single')], { webhook: receiver.url });

        expect(await single.finished()).toBeLessThan(6_000);
        await eventually('its webhook', () => receiver.deliveries.length === 1);
        expect(await single.count('success')).toBe(1);

        const [first] = full;
        const cancelledAt = performance.now();
        await first?.cancel();
        await first?.finished();
        expect(performance.now() - cancelledAt).toBeLessThan(10_000);
        await Promise.all(full.slice(1).map((each) => each.terminate()));
      });
    });
  });

  describe('one URL of a host', () => {
    it('that answers 429 closes the host neither for its own import nor for another project', async () => {
      rig.serve('shared.example.com', (request, response) => {
        if (request.url === '/limited') response.writeHead(429, { 'Retry-After': '600' }).end();
        else GOOD(request, response);
      });
      await whileWorking(async () => {
        const own = await rig.post([rig.urlOf('shared.example.com', 'limited'), ...urls('shared.example.com', 20)]);
        await own.succeeded('shared.example.com', 20);
        const other = await rig.post(urls('shared.example.com', 20, 'other'));

        expect(await other.finished()).toBeLessThan(10_000);
        expect(await other.count('success')).toBe(20);
        await own.terminate();
      });
    });

    it('that redirects to a host that answers 429 does not close the host that redirects', async () => {
      rig.serve('victim.example.com', (request, response) => {
        if (request.url?.startsWith('/out') === true)
          response.writeHead(302, { Location: rig.urlOf('attacker.example.com', request.url.slice(1)) }).end();
        else GOOD(request, response);
      });
      rig.serve('attacker.example.com', (_request, response) =>
        response.writeHead(429, { 'Retry-After': '900' }).end(),
      );
      await whileWorking(async () => {
        const attack = await rig.post(urls('victim.example.com', 40, 'out'));
        await eventually('answers of the attacker', async () => (await attack.count('open')) === 40);
        const victim = await rig.post(urls('victim.example.com', 10));

        expect(await victim.finished()).toBeLessThan(10_000);
        expect(await victim.count('success')).toBe(10);
        await attack.terminate();
      });
    });

    it('that hangs does not keep ten others from being tried again when they are due', async () => {
      rig.serve('hanging.example.com', SILENT);
      rig.serve('flaky.example.com', failingOnce());
      await whileWorking(async () => {
        const posted = await rig.post([rig.urlOf('hanging.example.com', 'one'), ...urls('flaky.example.com', 10)]);

        expect(await posted.succeeded('flaky.example.com', 10)).toBeLessThan(10_000);
        await posted.terminate();
      });
    });
  });

  describe('long downloads', () => {
    it.each([
      ['another host', 'small.example.com'],
      ['the same host', 'drip.example.com'],
    ])('leave places to the small files of %s', async (_which, small) => {
      rig.serve('drip.example.com', (request, response) => {
        if (request.url?.startsWith('/drip') === true) DRIP(request, response);
        else GOOD(request, response);
      });
      await whileWorking(async () => {
        const long = await rig.post(urls('drip.example.com', 60, 'drip'));
        await eventually('long downloads', async () => (await long.count('open')) === 60);
        const posted = await rig.post(urls(small, 30, 'small'));

        expect(await posted.finished()).toBeLessThan(small === 'drip.example.com' ? 30_000 : 10_000);
        await long.terminate();
      });
    });
  });

  describe('a host that recovers', () => {
    it('gets all of its items within seconds of the probe that succeeds', async () => {
      let isDown = true;
      rig.serve('ill.example.com', (request, response) => {
        if (isDown) request.socket.destroy();
        else GOOD(request, response);
      });
      await whileWorking(async () => {
        const posted = await rig.post(urls('ill.example.com', 100));
        await eventually('an open circuit', async () => (await posted.count('open')) === 100);
        isDown = false;
        await posted.succeeded('ill.example.com', 1);
        const recoveredAt = performance.now();
        await posted.succeeded('ill.example.com', 85);

        expect(performance.now() - recoveredAt).toBeLessThan(5_000);
        await posted.finished();
      });
    });
  });
});

describe('the time for which items are open at most', () => {
  it('holds for those of a host that refuses and one that is silent, beside each other and good ones', async () => {
    const retry = { attempts: 4, initialMs: 200, maxMs: 1_000 };
    rig = await aFlowRig(temporal, { retry, headersTimeoutMs: 1_000 });
    rig.serve('silent.example.com', SILENT);
    rig.serve('refusing.example.com', (request) => request.socket.destroy());
    await whileWorking(async () => {
      const posted = await rig.post([
        ...urls('silent.example.com', 2),
        ...urls('refusing.example.com', 40),
        ...urls('well.example.com', 20),
      ]);
      await posted.finished();

      // Pauses of 200, 400 and 800 ms with their jitter, a second more for each attempt, and what a busy machine adds.
      const pauses = (200 + 400 + 800) * 1.1;
      const busy = 5_000;
      const refused = await posted.settled('refusing.example.com');
      expect(refused).toHaveLength(40);
      expect(Math.max(...refused.map(({ ms }) => ms))).toBeLessThan(pauses + 4 * 1_000 + busy);
      expect(new Set(refused.map(({ code }) => code))).toEqual(new Set(['connect_failed']));
      const silent = await posted.settled('silent.example.com');
      expect(Math.max(...silent.map(({ ms }) => ms))).toBeLessThan(pauses + 4 * 2_000 + busy);
      expect(new Set(silent.map(({ code }) => code))).toEqual(new Set(['timeout']));
      expect(await posted.count('success', 'well.example.com')).toBe(20);
    });
  });
});

describe('the webhooks of an import that is cancelled and then reset', () => {
  it('are two messages with two ids and two bodies, though the first is still undelivered when the second is sent', async () => {
    rig = await aFlowRig(temporal, { webhookScheduleMs: [0, ...Array<number>(60).fill(1_000)] });
    const { receiver } = rig;
    receiver.answerWith(503);
    let isSilent = true;
    let asked = 0;
    rig.serve('waking.example.com', (request, response) => {
      asked += 1;
      if (!isSilent) GOOD(request, response);
    });
    await whileWorking(async () => {
      const posted = await rig.post(urls('waking.example.com', 3), { webhook: receiver.url });
      // A cancellation before the first workflow task would come before the point of the reset, and hold for both runs.
      await eventually('a request for an item', () => asked > 0);
      await posted.cancel();
      await posted.finished();
      // The second attempt is made by a workflow of its own. Reset before that, it would be the reconciler's to start it.
      await eventually('attempts at the first message', () => receiver.deliveries.length > 1);
      isSilent = false;
      await posted.reset();
      await eventually('the end of the second run', async () => (await posted.count('success')) === 3);
      await eventually('attempts at both', () => new Set(idsOf(receiver.deliveries)).size === 2);

      receiver.answerWith(204);
      const taken = () => receiver.deliveries.filter(({ status }) => status === 204);
      await eventually('both delivered', () => new Set(idsOf(taken())).size === 2);

      const bodies = new Map<string, Set<string>>();
      for (const { headers, raw } of receiver.deliveries) {
        const id = headers['webhook-id'] ?? '';
        bodies.set(id, new Set([...(bodies.get(id) ?? []), raw]));
      }
      const [first, second] = [...bodies.values()].map((each) => [...each]);
      expect(first).toHaveLength(1);
      expect(second).toHaveLength(1);
      expect(JSON.parse(first?.[0] ?? '')).toMatchObject({ state: 'failed', overview: { details: { failed: 3 } } });
      expect(JSON.parse(second?.[0] ?? '')).toMatchObject({ state: 'success', overview: { details: { success: 3 } } });
    });
  });
});

function idsOf(deliveries: FlowRig['receiver']['deliveries']): string[] {
  return deliveries.map(({ headers }) => headers['webhook-id'] ?? '');
}

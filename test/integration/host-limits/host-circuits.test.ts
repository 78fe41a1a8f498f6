import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { HostLimiter } from '../../../src/host-limits/host-limiter.js';
import type { HostRequest } from '../../../src/host-limits/admission.js';
import type { HostOutcome } from '../../../src/host-limits/circuit.js';
import { eventually } from '../../support/eventually.js';
import {
  ANSWERED,
  DOWN,
  NEVER_OVER,
  aLimiterRig,
  aStay,
  aHostRequest,
  visitOnce,
  type LimiterRig,
} from '../../support/host-limiters.js';

let rig: LimiterRig;
beforeEach(async () => {
  rig = await aLimiterRig();
});
afterEach(() => rig.close());

const aLimiter: LimiterRig['aLimiter'] = (changes) => rig.aLimiter(changes);
const recordOf = (host: string) => rig.hosts.find(host);

/** A pause that no test sees the end of. */
const LONG = { policy: { attempts: 3, initialMs: 600_000, maxMs: 600_000 } };
const BUSY: HostOutcome = { kind: 'busy', code: 'rate_limited' };

/** Visits for so many different URLs, one after the other, and answers how each went. */
async function visits(limiter: HostLimiter, times: number, outcome: HostOutcome, visitor: Partial<HostRequest> = {}) {
  const kinds: string[] = [];
  for (let time = 0; time < times; time++) kinds.push((await visitOnce(limiter, 'h', outcome, visitor)).kind);
  return kinds;
}
const circuitOf = async (host: string, projectId = 'p') =>
  (await recordOf(host))?.circuits.find((circuit) => circuit.projectId === projectId);

describe('a host that fails', () => {
  it('rests after five different URLs in a row that it did not answer, for every worker', async () => {
    const [one, two] = [aLimiter(LONG), aLimiter(LONG)];
    await visits(one, 4, DOWN);
    const last = await visitOnce(two, 'h', DOWN);

    expect(last.kind === 'done' && last.restMs).toBeGreaterThan(590_000);
    await expect(visitOnce(two, 'h')).resolves.toMatchObject({ kind: 'closed' });
    await eventually('the other one to know', async () => (await visitOnce(one, 'h', DOWN)).kind === 'closed', 3_000);
    await expect(visitOnce(one, 'other')).resolves.toMatchObject({ kind: 'done' });
  });

  it('does not rest when one of five URLs is answered', async () => {
    const limiter = aLimiter(LONG);
    await visits(limiter, 4, DOWN);
    await visitOnce(limiter, 'h');
    expect(await circuitOf('h')).toBeUndefined();
    await visits(limiter, 4, DOWN);

    await expect(visitOnce(limiter, 'h')).resolves.toMatchObject({ kind: 'done', restMs: 0 });
    expect((await recordOf('h'))?.circuits).toEqual([]);
  });

  it.each<[string, HostOutcome]>([
    ['answers 429 with Retry-After: 600', { ...BUSY, retryAfterMs: 600_000 }],
    ['is never answered', { kind: 'silent', code: 'timeout' }],
  ])('does not rest for one URL, however often that %s', async (_what, outcome) => {
    const limiter = aLimiter(LONG);
    const url = 'https://h.example/the-one';

    const kinds = await visits(limiter, 30, outcome, { url });

    expect(new Set(kinds)).toEqual(new Set(['done']));
    expect(await circuitOf('h')).toMatchObject({ failures: 30, pauses: 0 });
    await expect(visitOnce(limiter, 'h')).resolves.toMatchObject({ kind: 'done', restMs: 0 });
    await expect(visitOnce(limiter, 'h', outcome, { url, projectId: 'other' })).resolves.toMatchObject({
      kind: 'done',
    });
  });

  it('rests only for the project that has met 429 for twelve different URLs', async () => {
    const limiter = aLimiter(LONG);

    const kinds = await visits(limiter, 12, BUSY);

    expect(kinds).toEqual([...Array<string>(6).fill('done'), ...Array<string>(6).fill('closed')]);
    await expect(visitOnce(limiter, 'h', BUSY, { projectId: 'other' })).resolves.toMatchObject({
      kind: 'done',
      restMs: 0,
    });
    expect(await circuitOf('h', 'other')).toMatchObject({ failures: 1 });
  });

  it('rests for all projects when three of them have found it closed', async () => {
    const limiter = aLimiter(LONG);
    for (const projectId of ['a', 'b']) await visits(limiter, 6, BUSY, { projectId });
    await expect(visitOnce(limiter, 'h', BUSY, { projectId: 'z' })).resolves.toMatchObject({ kind: 'done', restMs: 0 });

    await visits(limiter, 6, BUSY, { projectId: 'c' });

    await expect(visitOnce(limiter, 'h', BUSY, { projectId: 'z' })).resolves.toMatchObject({ kind: 'closed' });
    await expect(visitOnce(limiter, 'h', BUSY, { projectId: 'new' })).resolves.toMatchObject({ kind: 'closed' });
  });

  it('is asked for two items at a time when three different URLs were answered with 429', async () => {
    const limiter = aLimiter(LONG);
    await visits(limiter, 3, BUSY);
    const stay = aStay();

    const all = Array.from({ length: 4 }, () => limiter.visit('h', aHostRequest(), NEVER_OVER, stay.work));
    await eventually('two items under way', () => stay.begun === 2);
    stay.end();

    const kinds = (await Promise.all(all)).map(({ kind }) => kind).sort();
    expect(kinds).toEqual(['done', 'done', 'full', 'full']);
  });

  it('is not told from the host that a redirect led to and that answers 429', async () => {
    const limiter = aLimiter(LONG);
    for (let time = 0; time < 6; time++) {
      const redirected = limiter.visit('h', aHostRequest(), NEVER_OVER, () =>
        Promise.resolve({ host: BUSY, answeredBy: 'target' }),
      );
      await expect(redirected).resolves.toMatchObject({ kind: 'done', restMs: 0 });
    }

    expect(await recordOf('h')).toMatchObject({ circuits: [] });
    expect(await circuitOf('target')).toMatchObject({ code: 'rate_limited', failures: 6, pauses: 1 });
    await expect(visitOnce(limiter, 'h')).resolves.toMatchObject({ kind: 'done' });
    await expect(visitOnce(limiter, 'target')).resolves.toMatchObject({ kind: 'closed' });
  });

  it('lets one probe through in all workers when its pause is over, and all when that succeeds', async () => {
    const room = { sharedMax: 16, ownMax: 16 };
    const workers = [aLimiter(room), aLimiter(room), aLimiter(room)];
    await visits(workers[0] ?? aLimiter(room), 5, DOWN);
    await eventually('the end of the pause', async () => {
      const until = (await circuitOf('h'))?.openUntil;
      return until !== undefined && until.getTime() < Date.now();
    });
    const stay = aStay();

    const all = workers.flatMap((limiter) =>
      [1, 2, 3].map(() => limiter.visit('h', aHostRequest(), NEVER_OVER, stay.work)),
    );
    const turnedAway = await eventually('all others turned away', async () => {
      const settled = await Promise.all(all.map((visit) => Promise.race([visit, Promise.resolve(null)])));
      const others = settled.filter((visit) => visit !== null);
      return others.length === 8 && others;
    });
    expect(new Set(turnedAway.map(({ kind }) => kind))).toEqual(new Set(['closed']));
    expect(stay.begun).toBe(1);
    stay.end();
    await Promise.all(all);

    for (const limiter of workers)
      await eventually('a worker that knows', async () => (await visitOnce(limiter, 'h')).kind === 'done', 3_000);
  });

  it('rests again after a probe that fails, for longer, and remembers each try', async () => {
    const limiter = aLimiter({ policy: { attempts: 3, initialMs: 20, maxMs: 1_000 } });
    await visits(limiter, 5, DOWN);
    for (let probes = 1; probes <= 2; probes++)
      await eventually(`probe ${probes}`, async () => (await visitOnce(limiter, 'h', DOWN)).kind === 'done');

    const circuit = await circuitOf('h');
    expect(circuit).toMatchObject({ pauses: 3, failures: 7, code: 'connect_failed' });
    expect(circuit?.tries).toHaveLength(3);
  });

  it('is given up for imports that were accepted before its first try, and is tried for a newer one', async () => {
    const limiter = aLimiter({ policy: { attempts: 2, initialMs: 20, maxMs: 20 } });
    await visits(limiter, 5, DOWN);
    await eventually('a probe', async () => (await visitOnce(limiter, 'h', DOWN)).kind === 'done');

    const given = await visitOnce(limiter, 'h');
    expect(given).toMatchObject({ kind: 'hopeless', circuit: { code: 'connect_failed', evidence: 'down' } });
    const since = new Date(Date.now() + 1_000);
    await eventually('a visit of the newer import', async () => {
      const visit = await visitOnce(limiter, 'h', ANSWERED, { since });
      expect(visit.kind).not.toBe('hopeless');
      return visit.kind === 'done';
    });
    await expect(visitOnce(limiter, 'h')).resolves.toMatchObject({ kind: 'done' });
  });

  it('rests for as long as it asks to', async () => {
    const limiter = aLimiter();
    await visits(limiter, 6, { ...BUSY, retryAfterMs: 60_000 });

    const visit = await visitOnce(limiter, 'h');
    expect(visit.kind === 'closed' && visit.restMs).toBeGreaterThan(55_000);
    const until = (await circuitOf('h'))?.openUntil?.getTime() ?? 0;
    expect(until - Date.now()).toBeGreaterThan(55_000);
    expect(limiter.counts()).toEqual({ active: 0, cooling: 1 });
  });

  it('turns those away who wait for a slot there', async () => {
    const limiter = aLimiter({ ...LONG, sharedMax: 1 });
    await visits(limiter, 5, BUSY);
    const last = visitOnce(limiter, 'h', BUSY);
    const waiting = visitOnce(limiter, 'h');

    expect(await last).toMatchObject({ kind: 'done', restMs: expect.any(Number) as unknown });
    await expect(waiting).resolves.toMatchObject({ kind: 'closed' });
  });
});

describe('a host with a rate', () => {
  it('rests for every worker until the window is over, and is asked again then', async () => {
    let begun = 0;
    const rate = { points: 2, consume: () => Promise.resolve(begun++ < 2 ? 0 : 300) };
    const [one, two] = [aLimiter({ rate }), aLimiter({ rate })];
    await visitOnce(one, 'h');
    await visitOnce(two, 'h');

    await expect(visitOnce(one, 'h')).resolves.toEqual({ kind: 'closed', restMs: 300 });
    expect((await two.unwell(['h'])).map(({ host }) => host)).toEqual(['h']);
    begun = 0;
    await eventually('the next window', async () => (await visitOnce(one, 'h')).kind === 'done');
  });
});

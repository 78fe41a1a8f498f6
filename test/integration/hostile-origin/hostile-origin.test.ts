import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { MockActivityEnvironment } from '@temporalio/testing';
import { eventually } from '../../support/eventually.js';
import { longestAttemptMs, longestOpenMs } from '../../servers/hostile-origin/deadlines.js';
import { CANARY, DOMAIN, type Fault } from '../../servers/hostile-origin/fault.js';
import { ALL_FAULTS } from '../../servers/hostile-origin/matrix.js';
import {
  importHostileFaults,
  isTimed,
  isTooSlowToWatch,
  QUICK,
  RETRY,
  type HostileImports,
  type Mode,
} from './hostile-imports.js';
import type { Met } from './hostile-rig.js';
import { startHostileWorld, type HostileWorld } from './hostile-world.js';
import { activeResources, openFilesUnder } from './leftovers.js';

/** What a busy machine may add to any attempt, and what it does not add to all attempts of one item. */
const ALLOWANCE_MS = 60_000;
const SMALL_ALLOWANCE_MS = 5_000;
/** Timers may fire a little early by another clock. */
const ALMOST = 0.95;
/** What is not timed is over at once. */
const SMALL = { ...QUICK, attemptMs: 0 };
const QUARTER_HOUR_MS = 15 * 60_000;

const watched = ALL_FAULTS.filter((fault) => !isTooSlowToWatch(fault));
const tooSlow = ALL_FAULTS.filter(isTooSlowToWatch);
const byName = (faults: readonly Fault[]) => faults.map((fault) => [fault.source, fault] as const);

let world: HostileWorld;
let before: ReadonlyMap<string, number>;
let imports: HostileImports;

// An unhandled rejection anywhere in here fails the run: jest listens for them.
beforeAll(async () => {
  world = await startHostileWorld(QUICK.resolveMs);
  before = activeResources();
  imports = await importHostileFaults(world, ALL_FAULTS);
}, 500_000);
afterAll(() => world.close());

function metIn(mode: Mode, fault: Fault): Met {
  const met = imports.met[mode].get(fault);
  if (met === undefined) throw new Error('The fault was not met');
  return met;
}

/** Everything about an item that leaves the service, but what its client said. */
function told({ item }: Met): string {
  const { reason, code, lastAttempt, action, mimeType } = item;
  return JSON.stringify({ reason, code, lastAttempt, action, mimeType });
}

describe.each<[string, Mode]>([
  ['with an activity of its own', 'items'],
  ['in a page', 'sweeps'],
])('an item %s, whose source', (_name, mode) => {
  it.each(byName(watched))('%s, ends as documented', (_source, fault) => {
    const { item, tries } = metIn(mode, fault);
    const { state, attempts } = fault.ends;
    const code = 'code' in fault.ends ? fault.ends.code : undefined;
    // Not promised, but what one wants to know when the rest is not as promised.
    const failures = tries.map(({ failure }) => failure);
    expect({ state: item.state, code: item.code, attempts: item.attempts, failures }).toEqual({
      state,
      code,
      attempts,
      failures: expect.any(Array),
    });
    // What leaves a page was begun there, which counts as no attempt.
    expect(tries).toHaveLength(attempts + (item.solo === true ? 1 : 0));
  });

  it.each(byName(watched))('%s, is done before its deadline and says nothing of the source', (_source, fault) => {
    const met = metIn(mode, fault);
    const { tries } = met;
    const heldMs = longestAttemptMs(fault, SMALL);
    const durations = tries.map(({ from, to }) => to - from);
    expect(Math.max(...durations)).toBeLessThan(heldMs + ALLOWANCE_MS);
    const quickest = tries.length < RETRY.attempts ? 0 : Math.min(...durations);
    expect(quickest).toBeLessThan(heldMs + SMALL_ALLOWANCE_MS);
    // In a page all items wait for the slowest one.
    const roundMs = mode === 'items' ? 0 : SMALL.speedWindowMs + SMALL.idleMs;
    const openMs = (tries.at(-1)?.to ?? Infinity) - (tries[0]?.from ?? 0);
    expect(openMs).toBeLessThan(longestOpenMs(fault, SMALL, RETRY) + tries.length * (ALLOWANCE_MS + roundMs));

    expect(told(met)).not.toContain(CANARY);
    expect(told(met)).not.toContain(DOMAIN);
    expect(told(met)).not.toMatch(/\d+\.\d+\.\d+\.\d+|https?:|<html|passwd/i);
  });

  const good = watched.flatMap((fault) =>
    fault.ends.state === 'success' ? [[fault.source, fault, fault.ends] as const] : [],
  );
  it.each(good)('%s, has the documented file', (_source, fault, { asset }) => {
    expect(imports.media.get(metIn(mode, fault).item._id)?.asset).toMatchObject(asset);
  });

  const large = good.filter(([, , { resumed }]) => resumed !== undefined);
  it.each(large)('%s, is asked for the rest only where the rest fits', (_source, fault, { asset, resumed }) => {
    const received = metIn(mode, fault).item.lastAttempt?.bytes ?? 0;
    expect(received).toBeGreaterThan(0);
    expect(received < (asset.bytes ?? 0)).toBe(resumed);
  });

  it.each(byName(watched.filter(isTimed)))('%s, is given the time of the limit', (_source, fault) => {
    const least = fault.limit === 'speed' ? QUICK.speedWindowMs : longestAttemptMs(fault, QUICK);
    for (const { from, to } of metIn(mode, fault).tries) expect(to - from).toBeGreaterThan(least * ALMOST);
  });

  const asking = watched.filter(({ asksToWaitMs }) => asksToWaitMs !== undefined);
  it.each(byName(asking))('%s, is left alone as long as asked', (_source, fault) => {
    const { tries } = metIn(mode, fault);
    // An HTTP date has whole seconds, so up to one of them is cut off.
    const least = (fault.asksToWaitMs ?? 0) > 1_000 ? (fault.asksToWaitMs ?? 0) - 1_000 : (fault.asksToWaitMs ?? 0);
    tries.slice(1).forEach(({ from }, index) => {
      expect(from - (tries[index]?.to ?? Infinity)).toBeGreaterThan(least * ALMOST);
    });
  });
});

describe('an item whose source', () => {
  it.each(byName(tooSlow))(
    '%s, waits for a quarter of an hour each time and ends as documented',
    async (_source, fault) => {
      const { byHand, store } = imports;
      const { _id: batchId, projectId } = await byHand.accept(fault.kind ?? 'video', [fault]);
      const attempt = async () => {
        await new MockActivityEnvironment().run((input) => byHand.activities.importItem(input), {
          projectId,
          batchId,
          seq: 0,
        });
        return store.items.find(batchId, 0);
      };
      for (let concluded = 1; concluded < fault.ends.attempts; concluded += 1) {
        const item = await attempt();
        expect(item).toMatchObject({ state: 'open', attempts: concluded });
        const pauseMs = (item?.nextAttemptAt?.getTime() ?? 0) - Date.now();
        expect(pauseMs).toBeLessThanOrEqual(QUARTER_HOUR_MS);
        expect(pauseMs).toBeGreaterThan(QUARTER_HOUR_MS - ALLOWANCE_MS);
      }
      expect(await attempt()).toMatchObject(fault.ends);
    },
  );
});

describe('after all faults', () => {
  it('nothing of an item that failed is kept', () => {
    expect(imports.parts).toEqual([]);
  });

  it('no connection, no timer and no file is left open', async () => {
    const { root } = imports;
    expect(await openFilesUnder(root)).toEqual([]);
    await imports.close();
    await eventually('a world without connections', () => world.openSockets() === 0);
    await eventually(
      'a process with no more resources than before',
      () => {
        const more = [...activeResources()].filter(([kind, count]) => count > (before.get(kind) ?? 0));
        expect(more).toEqual([]);
        return true;
      },
      20_000,
    );
  });
});

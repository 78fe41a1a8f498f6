import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { aSimulation, type HostBehaviour } from './simulated-import.js';

/** How a source host behaves in the simulation: what an attempt takes there, and how it ends. */
const behaviour: fc.Arbitrary<HostBehaviour> = fc.oneof(
  fc.record({ kind: fc.constant('good' as const), ms: fc.integer({ min: 5, max: 400 }) }),
  fc.record({ kind: fc.constant('slow' as const), ms: fc.integer({ min: 2_000, max: 60_000 }) }),
  fc.record({ kind: fc.constant('silent' as const), ms: fc.constant(30_000) }),
  fc.record({ kind: fc.constant('refusing' as const), ms: fc.integer({ min: 1, max: 50 }) }),
  fc.record({ kind: fc.constant('limiting' as const), ms: fc.integer({ min: 1, max: 100 }) }),
  fc.record({ kind: fc.constant('flapping' as const), ms: fc.integer({ min: 1, max: 2_000 }) }),
);
const world = fc.record({
  hosts: fc.array(fc.record({ behaviour, items: fc.integer({ min: 1, max: 60 }) }), { minLength: 1, maxLength: 12 }),
  seed: fc.integer(),
});

describe('an import among hundreds of random hosts, in simulated time', () => {
  it('keeps its laws: no idle place beside due work, bounded shares, polite limits, and an end for every item', () => {
    fc.assert(
      fc.property(world, ({ hosts, seed }) => {
        const { violations, open, most } = aSimulation(hosts, seed).run();

        expect(violations).toEqual([]);
        expect(open).toBe(0);
        expect(most.ofHost).toBeLessThanOrEqual(16);
        expect(most.items).toBeLessThanOrEqual(50);
        expect(most.own).toBeLessThanOrEqual(16);
      }),
      { numRuns: 100 },
    );
  }, 240_000);

  it('ends the items of a good host as fast as its slots allow, whatever the other hosts do', () => {
    fc.assert(
      fc.property(world, fc.integer({ min: 5, max: 400 }), ({ hosts, seed }, ms) => {
        const good = { behaviour: { kind: 'good' as const, ms }, items: 40 };
        const { lastSettledOf } = aSimulation([...hosts, good], seed).run();

        // Of 50 places each of at most 13 hosts has three, so 40 items take 14 turns; jitter and the grid of timers are in the rest.
        expect(lastSettledOf(hosts.length)).toBeLessThan(14 * ms * 1.1 + 2_000);
      }),
      { numRuns: 100 },
    );
  }, 240_000);

  it('ends all items of a dead host in about the time of one, and has them wait without a place', () => {
    const { lastSettledOf, attempts, most } = aSimulation(
      [{ behaviour: { kind: 'refusing', ms: 10 }, items: 190 }],
      1,
    ).run();

    // Ten attempts back off for 9 min 23 s with all of their jitter.
    expect(lastSettledOf(0)).toBeLessThan(10 * 60_000);
    expect(attempts).toBeLessThan(60);
    expect(most.waitingWithPlace).toBe(0);
  });

  it('starts everything within two seconds of a probe that succeeds', () => {
    const host = { behaviour: { kind: 'recovers' as const, ms: 10, atMs: 120_000 }, items: 150 };
    const { settledTimes } = aSimulation([host], 7).run();

    const first = settledTimes.find((at) => at > 120_000) ?? Infinity;
    expect(settledTimes.filter((at) => at > 120_000 && at < first + 2_000).length).toBeGreaterThan(140);
  });
});

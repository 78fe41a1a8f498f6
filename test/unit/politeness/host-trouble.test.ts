import { describe, expect, it } from '@jest/globals';
import { hostState } from '../../../src/contract/host-state.js';
import type { HostTrouble } from '../../../src/contract/hosts.js';
import type { HostOutcome } from '../../../src/politeness/host-outcome.js';
import { OPEN_AFTER, afterAttempt, claimProbe, triesSince } from '../../../src/politeness/host-trouble.js';

const POLICY = { attempts: 3, initialMs: 1_000, maxMs: 5_000 };
const START = new Date('2026-11-24T12:00:00Z');
const after = (ms: number) => new Date(START.getTime() + ms);
const DOWN: HostOutcome = { kind: 'down', code: 'connect_failed' };
const BUSY: HostOutcome = { kind: 'busy', code: 'rate_limited' };

const attempt = (trouble: HostTrouble | undefined, outcome: HostOutcome, now = START, probe?: string) =>
  afterAttempt(trouble, outcome, { now, probe, policy: POLICY });
const failing = (times: number): HostTrouble | undefined => {
  let trouble: HostTrouble | undefined;
  for (let time = 0; time < times; time++) trouble = attempt(trouble, DOWN);
  return trouble;
};
const stateOf = (trouble: HostTrouble | undefined, now: Date) => hostState({ trouble }, now);
const pauseOf = (trouble: HostTrouble | undefined, now: Date) =>
  (trouble?.coolingUntil?.getTime() ?? Number.NaN) - now.getTime();

describe('a host', () => {
  it('is asked as usual until it fails ten times in a row', () => {
    expect(stateOf(failing(OPEN_AFTER - 1), START).state).toBe('ok');
    expect(stateOf(failing(OPEN_AFTER), START)).toEqual({ state: 'cooling', until: after(1_000) });
  });

  it('counts anew after an answer', () => {
    expect(attempt(failing(OPEN_AFTER - 1), { kind: 'answered' })).toBeUndefined();
  });

  it('is not judged by what says nothing about it', () => {
    const known = failing(3);

    expect(attempt(known, { kind: 'unasked' })).toBe(known);
    expect(attempt(known, { kind: 'silent', code: 'timeout' })).toBe(known);
  });

  it('cools at once when it asks for it, for as long as it says, and at least as long as an item would pause', () => {
    expect(pauseOf(attempt(undefined, BUSY), START)).toBe(1_000);
    expect(pauseOf(attempt(undefined, { ...BUSY, retryAfterMs: 90_000 }), START)).toBe(90_000);
    expect(pauseOf(attempt(undefined, { ...BUSY, retryAfterMs: 0 }), START)).toBe(1_000);
  });
});

describe('a host that cools', () => {
  const cooling = failing(OPEN_AFTER);

  it('learns nothing from attempts that had begun before, except that it wants a longer pause', () => {
    expect(attempt(cooling, DOWN)).toBe(cooling);
    expect(attempt(cooling, { kind: 'answered' })).toBe(cooling);
    expect(attempt(cooling, { ...BUSY, retryAfterMs: 500 })).toBe(cooling);
    expect(pauseOf(attempt(cooling, { ...BUSY, retryAfterMs: 9_000 }), START)).toBe(9_000);
  });

  it('lets no probe be claimed before its pause is over', () => {
    expect(claimProbe(cooling, 'one', after(999))).toBe(cooling);
    expect(claimProbe(undefined, 'one', after(999))).toBeUndefined();
  });
});

describe('a host whose pause is over', () => {
  const cooling = failing(OPEN_AFTER);
  const over = after(1_000);
  const probed = claimProbe(cooling, 'one', over);

  it('gives one probe away, and the next when that one is not back in a minute', () => {
    expect(stateOf(cooling, over).state).toBe('due');
    expect(stateOf(probed, over).state).toBe('probing');
    expect(claimProbe(probed, 'two', over)).toBe(probed);
    expect(claimProbe(probed, 'two', after(61_001))?.probe?.token).toBe('two');
  });

  it('is well when the probe is answered, and pauses for longer when it is not', () => {
    expect(attempt(probed, { kind: 'answered' }, over, 'one')).toBeUndefined();
    let trouble = attempt(probed, DOWN, over, 'one');
    expect(pauseOf(trouble, over)).toBe(2_000);
    expect(trouble?.probe).toBeUndefined();
    for (const [ms, pause] of [
      [10_000, 4_000],
      [20_000, 5_000],
    ] as const) {
      trouble = attempt(claimProbe(trouble, 'next', after(ms)), DOWN, after(ms), 'next');
      expect(pauseOf(trouble, after(ms))).toBe(pause);
    }
  });

  it('pauses for longer when the probe met with silence', () => {
    const trouble = attempt(probed, { kind: 'silent', code: 'timeout' }, over, 'one');

    expect(trouble).toMatchObject({ pauses: 2, code: 'timeout' });
  });

  it('gives the probe to another item when the first one did not ask the host', () => {
    const trouble = attempt(probed, { kind: 'unasked' }, over, 'one');

    expect(stateOf(trouble, over).state).toBe('due');
  });

  it('does not listen to a probe that was given up', () => {
    const second = claimProbe(probed, 'two', after(70_000));

    expect(attempt(second, DOWN, after(70_000), 'one')).toBe(second);
    expect(attempt(second, { kind: 'answered' }, after(70_000), 'one')).toBe(second);
  });

  it('remembers as many failed tries as an item has attempts', () => {
    let trouble = cooling;
    for (let probe = 1; probe <= 4; probe++) {
      const at = after(probe * 10_000);
      trouble = attempt(claimProbe(trouble, 'next', at), DOWN, at, 'next');
    }

    expect(trouble?.tries).toEqual([after(20_000), after(30_000), after(40_000)]);
    expect(triesSince(trouble as HostTrouble, after(25_000))).toBe(2);
  });
});

describe('a host that rests', () => {
  it('cools until its window is over, and needs no probe then', () => {
    expect(hostState({ restingUntil: after(10) }, START)).toEqual({ state: 'cooling', until: after(10) });
    expect(hostState({ restingUntil: after(10) }, after(10))).toEqual({ state: 'ok' });
  });
});

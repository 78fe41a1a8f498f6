import { describe, expect, it } from '@jest/globals';
import { hostState, type HostCircuit } from '../../../src/domain/host.js';
import {
  afterAttempt,
  allowedConcurrency,
  claimProbe,
  exhaustedCircuit,
  type HostOutcome,
} from '../../../src/host-limits/circuit.js';

type Circuits = readonly HostCircuit[];

const POLICY = { attempts: 3, initialMs: 1_000, maxMs: 5_000 };
const START = new Date('2026-11-24T12:00:00Z');
const after = (ms: number) => new Date(START.getTime() + ms);
const DOWN: HostOutcome = { kind: 'down', code: 'connect_failed' };
const SILENT: HostOutcome = { kind: 'silent', code: 'timeout' };
const BUSY: HostOutcome = { kind: 'busy', code: 'rate_limited' };
const ANSWERED: HostOutcome = { kind: 'answered' };

interface Told {
  readonly url?: string;
  readonly projectId?: string;
  readonly now?: Date;
  readonly beganAt?: Date;
  readonly probe?: string;
}

function told(circuits: Circuits, outcome: HostOutcome, more: Told = {}): Circuits {
  const { url = 'u', projectId = 'p', now = START, beganAt = now, probe } = more;
  return afterAttempt(circuits, outcome, { url, projectId, beganAt, probe }, { now, policy: POLICY });
}

/** After failures of so many different URLs in a row. */
function failing(urls: number, outcome = DOWN, more: Told = {}, circuits: Circuits = []): Circuits {
  let next = circuits;
  for (let url = 0; url < urls; url++) next = told(next, outcome, { url: `u${url}`, ...more });
  return next;
}
const stateOf = (circuits: Circuits, now = START, projectId = 'p') => hostState({ circuits }, projectId, now);
const pauseOf = (circuits: Circuits, now = START) => (circuits[0]?.openUntil?.getTime() ?? Number.NaN) - now.getTime();

describe('the circuit of a host', () => {
  it.each([
    ['five URLs in a row that it does not answer at all', DOWN, 5],
    ['three URLs in a row that it takes and stays silent to', SILENT, 3],
    ['six URLs in a row that it answers with 429', BUSY, 6],
  ])('opens after %s', (_what, outcome, urls) => {
    expect(stateOf(failing(urls - 1, outcome)).state).toBe('ok');
    expect(stateOf(failing(urls, outcome))).toEqual({ state: 'cooling', until: after(1_000) });
  });

  it.each([DOWN, SILENT, BUSY])('is opened by no number of failures of one URL: $code', (outcome) => {
    let circuits: Circuits = [];
    for (let time = 0; time < 100; time++) circuits = told(circuits, outcome, { url: 'the one' });

    expect(stateOf(circuits).state).toBe('ok');
    expect(circuits[0]).toMatchObject({ failures: 100, urls: ['the one'] });
  });

  it('counts anew after an answer to any URL of any project', () => {
    expect(told(failing(4), ANSWERED, { url: 'other', projectId: 'another' })).toEqual([]);
  });

  it('stays open for a project that the host limits, whatever it answers another one', () => {
    const limited = failing(6, BUSY);

    expect(told(limited, ANSWERED, { projectId: 'another' })).toBe(limited);
    expect(told(failing(5, DOWN), ANSWERED, { projectId: 'another' })).toEqual([]);
    expect(told(failing(5, BUSY), ANSWERED, { projectId: 'another' })).toEqual([]);
    expect(told(limited, ANSWERED, { url: 'v' })).toEqual([]);
  });

  it('is closed by no answer to a request that was sent before the failures began', () => {
    const circuits = failing(5);

    expect(told(circuits, ANSWERED, { beganAt: after(-1) })).toBe(circuits);
  });

  it('takes silence and refusal together, and neither together with 429', () => {
    expect(told(failing(2, SILENT), DOWN, { url: 'v' })[0]).toMatchObject({ failures: 3 });
    expect(told(failing(4), BUSY, { url: 'v' })[0]).toMatchObject({ failures: 1, evidence: 'busy' });
  });

  it('is not changed by what says nothing about the host', () => {
    const circuits = failing(3);

    expect(told(circuits, { kind: 'unasked' })).toBe(circuits);
  });

  it('stays open for as long as the host asks, and at least as long as an item would pause', () => {
    expect(pauseOf(failing(6, { ...BUSY, retryAfterMs: 90_000 }))).toBe(90_000);
    expect(pauseOf(failing(6, { ...BUSY, retryAfterMs: 0 }))).toBe(1_000);
  });

  it('lets a busy host be asked less often before it opens', () => {
    expect(allowedConcurrency(failing(2, BUSY), 'p')).toBe(Infinity);
    expect(allowedConcurrency(failing(3, BUSY), 'p')).toBe(2);
    expect(allowedConcurrency(failing(3, BUSY), 'another')).toBe(Infinity);
    expect(allowedConcurrency(failing(3, DOWN), 'p')).toBe(Infinity);
  });

  it('is its project’s own, until three projects find the host closed at the same time', () => {
    const one = failing(6, BUSY, { projectId: 'a' });
    const two = failing(6, BUSY, { projectId: 'b' }, one);
    const three = failing(6, BUSY, { projectId: 'c', now: after(500) }, two);

    expect(stateOf(one, START, 'p').state).toBe('ok');
    expect(stateOf(two, START, 'p').state).toBe('ok');
    expect(stateOf(three, START, 'p')).toEqual({ state: 'cooling', until: after(1_000) });
  });
});

describe('an open circuit', () => {
  const open = failing(5);

  it('learns nothing from failures of attempts that had begun before', () => {
    expect(told(open, DOWN)).toBe(open);
    expect(told(open, { ...BUSY, retryAfterMs: 9_000 })).toBe(open);
  });

  it('gives no probe away before its pause is over, and none to another project', () => {
    expect(claimProbe(open, 'p', 'one', after(999))).toBe(open);
    expect(claimProbe(open, 'another', 'one', after(1_000))).toBe(open);
    expect(claimProbe([], 'p', 'one', after(999))).toEqual([]);
  });
});

describe('a half-open circuit', () => {
  const over = after(1_000);
  const open = failing(5);
  const probed = claimProbe(open, 'p', 'one', over);

  it('gives one probe away, and the next when that one is not back in a minute', () => {
    expect(stateOf(open, over).state).toBe('due');
    expect(stateOf(probed, over).state).toBe('probing');
    expect(claimProbe(probed, 'p', 'two', over)).toBe(probed);
    expect(claimProbe(probed, 'p', 'two', after(61_001))[0]?.probe?.token).toBe('two');
  });

  it('closes when the probe is answered, and stays open for longer each time it is not', () => {
    expect(told(probed, ANSWERED, { now: over, probe: 'one' })).toEqual([]);
    let circuits = told(probed, DOWN, { now: over, probe: 'one' });
    expect(pauseOf(circuits, over)).toBe(2_000);
    expect(circuits[0]?.probe).toBeUndefined();
    for (const [ms, pause] of [
      [10_000, 4_000],
      [20_000, 5_000],
    ] as const) {
      const now = after(ms);
      circuits = told(claimProbe(circuits, 'p', 'next', now), DOWN, { now, probe: 'next' });
      expect(pauseOf(circuits, now)).toBe(pause);
    }
  });

  it.each([SILENT, BUSY])('opens again when the probe fails in another way: $code', (outcome) => {
    expect(told(probed, outcome, { now: over, probe: 'one' })[0]).toMatchObject({ pauses: 2, code: expect.anything() });
  });

  it('gives the probe to another item when the first one did not ask the host', () => {
    expect(stateOf(told(probed, { kind: 'unasked' }, { now: over, probe: 'one' }), over).state).toBe('due');
  });

  it('does not listen to the failure of a probe that was given up', () => {
    const second = claimProbe(probed, 'p', 'two', after(70_000));

    expect(told(second, DOWN, { now: after(70_000), probe: 'one' })).toBe(second);
  });

  it('is without hope when it failed as often as an item is tried, since the import was accepted', () => {
    let circuits = open;
    for (let probe = 1; probe <= 4; probe++) {
      const now = after(probe * 10_000);
      circuits = told(claimProbe(circuits, 'p', 'next', now), DOWN, { now, probe: 'next' });
    }

    expect(circuits[0]?.tries).toEqual([after(20_000), after(30_000), after(40_000)]);
    expect(exhaustedCircuit(circuits, 'p', after(20_000), POLICY)).toBe(circuits[0]);
    expect(exhaustedCircuit(circuits, 'p', after(25_000), POLICY)).toBeNull();
    expect(exhaustedCircuit(circuits, 'another', START, POLICY)).toBeNull();
  });
});

describe('a host that rests for its rate', () => {
  it('cools until its window is over, and needs no probe then', () => {
    const resting = { circuits: [], restingUntil: after(10) };

    expect(hostState(resting, 'p', START)).toEqual({ state: 'cooling', until: after(10) });
    expect(hostState(resting, 'p', after(10))).toEqual({ state: 'ok' });
  });
});

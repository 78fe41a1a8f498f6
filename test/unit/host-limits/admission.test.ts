import { describe, expect, it } from '@jest/globals';
import type { HostCircuit, HostRecord } from '../../../src/domain/host.js';
import { refusalOf } from '../../../src/host-limits/admission.js';

const NOW = new Date('2026-11-24T12:00:00Z');
const after = (ms: number) => new Date(NOW.getTime() + ms);
const POLICY = { attempts: 3, initialMs: 1_000, maxMs: 5_000 };
const VISITOR = { projectId: 'p', since: NOW };

function record(circuit: Partial<HostCircuit> | null, restingUntil?: Date): HostRecord {
  const open: HostCircuit = {
    ...{
      projectId: 'p',
      evidence: 'down',
      code: 'timeout',
      failures: 5,
      urls: [],
      since: NOW,
      pauses: 1,
      tries: [NOW],
    },
    openUntil: after(1_000),
    ...circuit,
  };
  const circuits = circuit === null ? [] : [open];
  return { host: 'h', total: 0, held: {}, wanting: {}, circuits, ...(restingUntil !== undefined && { restingUntil }) };
}

describe('refusalOf', () => {
  it.each<[string, HostRecord, ReturnType<typeof refusalOf>]>([
    ['no host of which nothing is known', record(null), null],
    ['a host that cools, until its pause is over', record({}), { kind: 'closed', restMs: 1_000 }],
    ['no host whose pause is over', record({ openUntil: NOW }), null],
    ['no host whose circuit belongs to another project', record({ projectId: 'another' }), null],
    ['a host whose rate is used up', record(null, after(300)), { kind: 'closed', restMs: 300 }],
    [
      'a host that is probed, until the next look',
      record({ openUntil: NOW, probe: { token: 't', until: after(60_000) } }),
      { kind: 'closed', restMs: 1_500 },
    ],
  ])('refuses %s', (_what, known, refusal) => {
    expect(refusalOf(known, VISITOR, { now: NOW, policy: POLICY })).toEqual(refusal);
  });

  it('has no hope for a host that failed as often as an item is tried since the import was accepted', () => {
    const failed = record({ tries: [after(1), after(2), after(3)] });

    expect(refusalOf(failed, VISITOR, { now: after(4), policy: POLICY })).toEqual({
      ...{ kind: 'hopeless', circuit: failed.circuits[0] },
    });
    expect(refusalOf(failed, { ...VISITOR, since: after(2) }, { now: after(4), policy: POLICY })).toEqual({
      ...{ kind: 'closed', restMs: 996 },
    });
  });
});

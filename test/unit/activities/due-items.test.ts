import { describe, expect, it } from '@jest/globals';
import { dueItems, type OpenItem } from '../../../activities/due-items.js';
import type { HostRecord, HostTrouble } from '../../../src/contract/hosts.js';

const NOW = new Date('2026-11-24T12:00:00Z');
const after = (ms: number) => new Date(NOW.getTime() + ms);
const item = (seq: number, host = 'well', nextAttemptAt?: Date): OpenItem => ({
  seq,
  host,
  ...(nextAttemptAt && { nextAttemptAt }),
});
const record = (host: string, coolingUntil: Date, probeUntil?: Date): HostRecord => {
  const probe = probeUntil && { token: 't', until: probeUntil };
  const trouble: HostTrouble = { code: 'timeout', failures: 10, since: NOW, pauses: 1, tries: [NOW], coolingUntil };
  return { host, total: 0, held: {}, wanting: {}, trouble: { ...trouble, ...(probe && { probe }) } };
};
const seqs = ({ due }: ReturnType<typeof dueItems<OpenItem>>) => due.map(({ seq }) => seq);

describe('dueItems', () => {
  it('leaves out what is not due and says when the earliest is', () => {
    const open = [item(0), item(1, 'well', after(500))];

    expect(dueItems(open, [], { now: NOW })).toEqual({ due: [item(0)], waitMs: 0 });
    expect(dueItems([item(1, 'well', after(500))], [], { now: NOW })).toEqual({ due: [], waitMs: 500 });
  });

  it('leaves out the items of a host that cools, and waits for the later of both pauses', () => {
    const open = [item(0, 'ill'), item(1, 'ill', after(9_000)), item(2)];

    expect(seqs(dueItems(open, [record('ill', after(5_000))], { now: NOW }))).toEqual([2]);
    expect(dueItems(open.slice(0, 2), [record('ill', after(5_000))], { now: NOW }).waitMs).toBe(5_000);
    expect(dueItems(open.slice(1, 2), [record('ill', after(5_000))], { now: NOW }).waitMs).toBe(9_000);
  });

  it('chooses one item of a host whose pause is over, each of them now and then', () => {
    const open = [item(0, 'ill'), item(1, 'ill'), item(2, 'ill', after(1)), item(3, 'ill'), item(4)];
    const chosen = new Set<number>();

    for (let time = 0; time < 200; time++) {
      const [first = -1, last] = seqs(dueItems(open, [record('ill', NOW)], { now: NOW }));
      expect(last).toBe(4);
      chosen.add(first);
    }

    expect([...chosen].sort()).toEqual([0, 1, 3]);
  });

  it('looks again soon while the probe of somebody else is under way', () => {
    const { due, waitMs } = dueItems([item(0, 'ill')], [record('ill', NOW, after(60_000))], { now: NOW });

    expect(due).toEqual([]);
    expect(waitMs).toBe(2_000);
  });

  it('takes no more items of a host with a rate than begin in one window', () => {
    const open = [item(0), item(1), item(2), item(3, 'other'), item(4, 'other')];

    expect(seqs(dueItems(open, [], { now: NOW, ratePoints: 1 }))).toEqual([0, 3]);
  });
});

import { describe, expect, it } from '@jest/globals';
import type { PlanWorkInput } from '../../../src/temporal/activity-api.js';
import type { HostCircuit, HostRecord } from '../../../src/domain/host.js';
import { planOpen, type OpenItem } from '../../../src/item/plan.js';
import { exhaustedCircuit } from '../../../src/host-limits/circuit.js';
import { aBatch } from '../../support/builders.js';

const NOW = new Date('2026-11-24T12:00:00Z');
const POLICY = { attempts: 3, initialMs: 1_000, maxMs: 5_000 };
const UNKNOWN = { seqs: [], pages: [], hosts: [] };
const batch = aBatch({ touchedAt: NOW });
const after = (ms: number) => new Date(NOW.getTime() + ms);
const item = (seq: number, host = 'well', more: Partial<OpenItem> = {}): OpenItem => ({ seq, host, ...more });

function record(host: string, openUntil: Date, more: Partial<HostCircuit> = {}): HostRecord {
  const circuit: HostCircuit = {
    ...{ projectId: batch.projectId, evidence: 'down', code: 'timeout', failures: 5, urls: [], since: NOW },
    ...{ pauses: 1, tries: [NOW], openUntil },
    ...more,
  };
  return { host, total: 0, held: {}, wanting: {}, circuits: [circuit] };
}

interface World {
  readonly unwell?: readonly HostRecord[];
  readonly sweepAbove?: number;
  readonly ratePoints?: number;
  readonly known?: Partial<PlanWorkInput['known']>;
  readonly beforeSeq?: number;
}

function planned(open: readonly OpenItem[], world: World = {}) {
  const { unwell = [], sweepAbove = 200, known = {}, beforeSeq = 1_000_000, ratePoints } = world;
  const deps = {
    store: {
      batches: { markTroubled: () => Promise.resolve() },
      items: {
        openFrom: (_batchId: string, from: number, limit: number, before = Infinity) =>
          Promise.resolve(open.filter(({ seq }) => seq >= from && seq < before).slice(0, limit)),
      },
    },
    hosts: {
      unwell: (hosts: Iterable<string>) => Promise.resolve(unwell.filter(({ host }) => [...hosts].includes(host))),
      hopeless: ({ circuits }: HostRecord, { projectId, since }: { projectId: string; since: Date }) =>
        exhaustedCircuit(circuits, projectId, since, POLICY),
      now: () => NOW,
      ratePoints,
      sharedMax: 16,
    },
    sweepAbove,
    sweepPage: 50,
  };
  return planOpen(deps, batch, { beforeSeq, known: { ...UNKNOWN, ...known } });
}
const seqsOf = async (plan: ReturnType<typeof planned>) => (await plan).items.map(({ seq }) => seq);

describe('a plan of few open items', () => {
  it('has an activity for each item that is due, and says when the next one is', async () => {
    const open = [item(0), item(1, 'well', { nextAttemptAt: after(500) }), item(2, 'well', { solo: true })];

    expect(await planned(open)).toEqual({
      pages: [],
      items: [
        { seq: 0, host: 'well' },
        { seq: 2, host: 'well', own: true },
      ],
      more: false,
      waitMs: 500,
      ofHost: 16,
    });
  });

  it('leaves out what the workflow knows already', async () => {
    const open = [item(0), item(1), item(2), item(3, 'many'), item(60)];
    const known = { seqs: [1], pages: [[50, 99] as const], hosts: ['many'] };

    expect(await seqsOf(planned(open, { known }))).toEqual([0, 2]);
  });

  it('leaves out the items of a host whose circuit is open, and waits for the later of both times', async () => {
    const open = [item(0, 'ill'), item(1, 'ill', { nextAttemptAt: after(9_000) }), item(2)];
    const unwell = [record('ill', after(5_000))];

    expect(await seqsOf(planned(open, { unwell }))).toEqual([2]);
    expect((await planned(open.slice(0, 2), { unwell })).waitMs).toBe(5_000);
    expect((await planned(open.slice(1, 2), { unwell })).waitMs).toBe(9_000);
  });

  it('keeps nothing from a host whose circuit is open for another project', async () => {
    const unwell = [record('ill', after(5_000), { projectId: 'another' })];

    expect(await seqsOf(planned([item(0, 'ill')], { unwell }))).toEqual([0]);
  });

  it('chooses one probe of a host whose pause is over, each item now and then', async () => {
    const open = [item(0, 'ill'), item(1, 'ill'), item(2, 'ill', { nextAttemptAt: after(1) }), item(3, 'ill'), item(4)];
    const chosen = new Set<number>();

    for (let time = 0; time < 200; time++) {
      const [first = -1, last] = await seqsOf(planned(open, { unwell: [record('ill', NOW)] }));
      expect(last).toBe(4);
      chosen.add(first);
    }

    expect([...chosen].sort()).toEqual([0, 1, 3]);
  });

  it('looks again soon while another probe is under way', async () => {
    const unwell = [record('ill', NOW, { probe: { token: 't', until: after(60_000) } })];

    expect(await planned([item(0, 'ill')], { unwell })).toMatchObject({ items: [], waitMs: 1_500 });
  });

  it('takes no more items of a host with a rate than begin in one window', async () => {
    const open = [item(0), item(1), item(2), item(3, 'other'), item(4, 'other')];

    expect(await seqsOf(planned(open, { ratePoints: 1 }))).toEqual([0, 3]);
  });

  it('lets every item of a host without hope be settled, whenever its own next attempt is', async () => {
    const open = [item(0, 'dead'), item(1, 'dead', { nextAttemptAt: after(60_000) })];
    const unwell = [record('dead', after(5_000), { tries: [NOW, after(1), after(2)] })];

    expect(await seqsOf(planned(open, { unwell }))).toEqual([0, 1]);
  });
});

describe('a plan of many open items', () => {
  it('has pages of those before the ones that were never tried, and activities for long ones', async () => {
    const open = Array.from({ length: 200 }, (_, seq) =>
      item(seq, seq < 100 ? 'a' : `b${seq % 2}`, { solo: seq === 7 }),
    );

    expect(await planned(open, { sweepAbove: 20, beforeSeq: 150 })).toMatchObject({
      pages: [
        [0, 49, 'a'],
        [50, 99, 'a'],
        [100, 149],
      ],
      items: [{ seq: 7, host: 'a', own: true }],
      more: false,
      waitMs: null,
    });
  });

  it('has at most eight pages of one host, and says that there is more', async () => {
    const open = Array.from({ length: 600 }, (_, seq) => item(seq));

    const { pages, more } = await planned(open);

    expect(pages).toHaveLength(8);
    expect(more).toBe(true);
  });

  it('ends in the middle of a batch that is larger than one plan', async () => {
    const open = Array.from({ length: 30_000 }, (_, seq) => item(seq, `h${seq % 7}`));

    const { pages, more } = await planned(open);

    expect(pages).toHaveLength(200);
    expect(more).toBe(true);
  });
});

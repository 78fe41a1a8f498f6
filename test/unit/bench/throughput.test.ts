import { describe, expect, it } from '@jest/globals';
import { renderReport } from '../../../bench/throughput/report.js';
import { parseCell } from '../../../bench/throughput/rounds.js';
import type { RunRecord } from '../../../bench/throughput/runs.js';
import { ratios, summarize, targets } from '../../../bench/throughput/summary.js';

function run(contender: string, round: number, seconds: number, more: Partial<RunRecord> = {}): RunRecord {
  const figures = { cpuSeconds: seconds / 2, peakBytes: 1, lifetimePeakBytes: 200 * 1024 * 1024 };
  return {
    contender,
    items: 10_000,
    bytes: 16_384,
    round,
    seconds,
    processes: { worker: figures, mongodb: figures },
    history: contender === 'durable-import' ? { events: 800, bytes: 90_000 } : null,
    ...more,
  };
}

const RUNS = [
  run('bare loop', 0, 99),
  run('bare loop', 1, 4),
  run('durable-import', 1, 5),
  run('durable-import', 2, 10),
  run('bare loop', 2, 9),
];

describe('summarize', () => {
  it('takes medians of the warm rounds, and the ratio within each round', () => {
    const [bare, service] = summarize(RUNS);
    expect(bare).toMatchObject({ contender: 'bare loop', rounds: 2, shareOfBareLoop: 1, historyEvents: null });
    expect(service).toMatchObject({ itemsPerSecond: 1_500, cpuMs: 0.75, historyEvents: 0.08, historyBytes: 9 });
    expect(service?.shareOfBareLoop).toBeCloseTo(0.85);
  });

  it('leaves out a round in which the other did not take part', () => {
    expect(ratios('durable-import', 'bare loop', RUNS[1] ?? run('', 0, 0), RUNS.slice(0, 4))).toEqual([0.8]);
  });
});

describe('targets', () => {
  it('says of each whether it is met, and nothing of what was not measured', () => {
    const found = new Map(targets(RUNS).map(({ what, isMet }) => [what, isMet]));
    expect(found.get('of the bare loop, 10,000 × 16 KiB')).toBe(true);
    expect(found.get('times BullMQ, 10,000 × 16 KiB')).toBeNull();
    expect(found.get('history events an item')).toBe(true);
    expect(found.get('peak of the worker')).toBe(true);
    expect(found.get('peak of the gateway')).toBeNull();
  });
});

describe('a line of the benchmark', () => {
  it('is read from items, bytes and rounds', () => {
    expect(parseCell('10000x16384x3')).toEqual({ items: 10_000, bytes: 16_384, rounds: 3, contenders: 'all' });
    expect(parseCell('100000x16384x1')).toMatchObject({ items: 100_000, contenders: 'pair' });
  });

  it.each(['10000', '10000x16384', '0x1x1', '1x1x0', '1x1x1x1', '1e3x1x1', ''])('refuses %s', (text) => {
    expect(() => parseCell(text)).toThrow('is not ITEMSxBYTESxROUNDS, such as 10000x16384x3');
  });
});

describe('the report', () => {
  const machine = { processor: 'CPU', processors: 2, memoryBytes: 2 ** 30, system: 'os', node: 'v1', version: '1.2.3' };
  const result = {
    at: '2026-01-02',
    mode: 'default',
    machine,
    database: 'mongod',
    contenders: {},
    skipped: [],
    mongo: null,
  };

  it('names the one throughput figure to quote, from the warm rounds of the reference cell', () => {
    expect(renderReport({ ...result, runs: RUNS }).split('\n\n')[1]).toBe(
      '**1,500 items/s** (10,000 × 16 KiB, median of 2 rounds), 0.85 of the bare loop.',
    );
  });

  it('names none when that cell was not measured', () => {
    expect(renderReport({ ...result, runs: [run('durable-import', 1, 5, { items: 1_000 })] })).not.toContain('**');
  });
});

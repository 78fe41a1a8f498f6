import { describe, expect, it } from '@jest/globals';
import { parsePeakBytes, parseProcStat, treeOf } from '../../../bench/stack/processes.js';

const STAT =
  '4242 (a (b) c) S 17 4242 4242 0 -1 4194560 9 0 0 0 150 50 20 5 20 0 7 0 12345 1000 200 18446744073709551615';

describe('parseProcStat', () => {
  it('reads parent and processor time although the name holds spaces and parentheses', () => {
    expect(parseProcStat(STAT)).toEqual({ program: 'a (b) c', parent: 17, cpuSeconds: 2.25 });
  });

  it('refuses what is cut off', () => {
    expect(() => parseProcStat('4242 (node) S 17 4242')).toThrow('Not a /proc/<pid>/stat');
  });
});

describe('parsePeakBytes', () => {
  it('reads VmHWM in bytes', () => {
    expect(parsePeakBytes('Name:\tnode\nVmPeak:\t  900 kB\nVmHWM:\t  1024 kB\nVmRSS:\t  512 kB\n')).toBe(1_048_576);
  });

  it('is null for a process without memory of its own', () => {
    expect(parsePeakBytes('Name:\tkthreadd\n')).toBeNull();
  });
});

describe('treeOf', () => {
  const one = (parent: number, program = 'node') => ({ program, parent, cpuSeconds: 0 });

  it('holds children and their children, but not the helper of the TypeScript loader', () => {
    const processes = new Map([
      [1, one(0)],
      [2, one(1)],
      [3, one(2)],
      [4, one(2, 'esbuild')],
      [5, one(1)],
    ]);
    expect(treeOf(2, processes)).toEqual([2, 3]);
  });

  it('is empty when the process is gone', () => {
    expect(treeOf(9, new Map([[1, one(0)]]))).toEqual([]);
  });
});

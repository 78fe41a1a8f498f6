import { describe, expect, it } from '@jest/globals';
import { hotFunctions } from '../../../bench/profile.js';

const node = (id: number, functionName: string, url = '', lineNumber = -1) => {
  return { id, callFrame: { functionName, url, lineNumber } };
};

describe('hotFunctions', () => {
  it('adds up own time by function and leaves idle time and the inspector out', () => {
    const nodes = [
      node(1, '(idle)'),
      node(2, 'hash', 'file:///x/y/src/a/b.js', 9),
      node(3, '', 'node:net', 0),
      node(4, '(program)'),
      node(5, 'dispatch'),
    ];
    const profile = { nodes, samples: [1, 2, 3, 2, 4, 5], timeDeltas: [900, 40, 30, 20, 10, 500] };
    expect(hotFunctions(profile, 2)).toEqual([
      { where: 'hash src/a/b.js:10', share: 0.6 },
      { where: '(anonymous) node:net:1', share: 0.3 },
    ]);
  });
});

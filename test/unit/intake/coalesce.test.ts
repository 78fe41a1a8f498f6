import { describe, expect, it } from '@jest/globals';
import { coalesce } from '../../../src/intake/coalesce.js';

describe('coalesce', () => {
  it('puts one question for all who ask at the same time, and none again for a while', async () => {
    let asked = 0;
    let time = 0;
    const ask = coalesce(
      async (key) => Promise.resolve(`${key}${++asked}`),
      1000,
      () => time,
    );

    expect(await Promise.all([ask('a'), ask('a'), ask('b')])).toEqual(['a1', 'a1', 'b2']);
    time = 999;
    expect(await ask('a')).toBe('a1');
    time = 1000;
    expect(await ask('a')).toBe('a3');
  });

  it('waits for a question that takes longer than its answer lasts', async () => {
    let time = 0;
    let answer: (value: string) => void = () => undefined;
    let asked = 0;
    const ask = coalesce(
      () => {
        asked++;
        return new Promise<string>((resolve) => {
          answer = resolve;
        });
      },
      1000,
      () => time,
    );

    const first = ask('a');
    time = 5000;
    const second = ask('a');
    answer('late');

    expect(await Promise.all([first, second])).toEqual(['late', 'late']);
    expect(asked).toBe(1);
  });

  it('shares failures and asks again later', async () => {
    let time = 0;
    let asked = 0;
    const ask = coalesce(
      () => Promise.reject(new Error(`no ${++asked}`)),
      1000,
      () => time,
    );

    await expect(ask('a')).rejects.toThrow('no 1');
    await expect(ask('a')).rejects.toThrow('no 1');
    time = 1000;
    await expect(ask('a')).rejects.toThrow('no 2');
  });
});

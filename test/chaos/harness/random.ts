import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

/** Chance that can be repeated: the same seed makes the same choices in the same order. */
export interface Random {
  /** A whole number, both ends included. */
  int(from: number, to: number): number;
  /** 0 ≤ x < 1. */
  unit(): number;
  chance(probability: number): boolean;
  /** @throws RangeError when there is nothing to choose from */
  pick<T>(choices: readonly T[]): T;
  shuffled<T>(list: readonly T[]): T[];
  /** Another stream of the same seed, so that what happens at the same time does not mix up each other's choices. */
  fork(): Random;
}

export function createRandom(seed: number): Random {
  const generator = xoroshiro128plus(seed);
  const int = (from: number, to: number): number => uniformInt(generator, from, to);
  const unit = (): number => uniformFloat64(generator);
  const pick = <T>(choices: readonly T[]): T => {
    if (choices.length === 0) throw new RangeError('There is nothing to choose from');
    return choices[int(0, choices.length - 1)] as T;
  };
  return {
    int,
    unit,
    chance: (probability) => unit() < probability,
    pick,
    shuffled: (list) =>
      list
        .map((value) => ({ value, order: unit() }))
        .sort((left, right) => left.order - right.order)
        .map(({ value }) => value),
    fork: () => createRandom(int(0, 0x7fffffff)),
  };
}

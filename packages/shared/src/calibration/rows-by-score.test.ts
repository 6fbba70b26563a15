import { expect, it } from 'vitest';
import { Random } from '../runtime/random.ts';
import { rowsByScore } from './rows-by-score.ts';

it('orders as a comparison of the scores does, equal ones by their rows', () => {
  const random = new Random(1);
  const special = [Number.NEGATIVE_INFINITY, -3.4e38, -1, -1e-45, 0, 1e-45, 1, 3.4e38, Number.POSITIVE_INFINITY];
  for (let round = 0; round < 200; round++) {
    const scores = Float32Array.from({ length: random.int(60) }, () =>
      random.next() < 0.5 ? random.pick(special) : random.normal(),
    );
    const expected = [...scores.keys()].sort((left, right) => {
      if (scores[left] === scores[right]) return left - right;
      return scores[left]! < scores[right]! ? -1 : 1;
    });
    expect([...rowsByScore(scores)], `round ${round}`).toEqual(expected);
  }
});

it('puts −0 before 0 and reads only its part of a larger buffer', () => {
  const scores = Float32Array.of(9, 0, -0, 5, -5, 9).subarray(1, 5);
  expect([...rowsByScore(scores)]).toEqual([3, 1, 0, 2]);
});

import { Random } from '@liminal/shared/runtime/random';
import { describe, expect, it } from 'vitest';
import { auroc, averagePrecision } from './ranking-metrics.ts';

describe('ranking metrics', () => {
  it('are those of the examples in the documentation of scikit-learn', () => {
    const labels = [0, 0, 1, 1];
    const scores = [0.1, 0.4, 0.35, 0.8];
    expect(averagePrecision(scores, labels)).toBeCloseTo(0.8333333333, 9);
    expect(auroc(scores, labels)).toBeCloseTo(0.75, 12);
  });

  it('count ties as half a pair, and as one threshold', () => {
    expect(auroc([1, 1, 1, 1], [0, 1, 0, 1])).toBe(0.5);
    expect(averagePrecision([1, 1, 1, 1], [0, 1, 0, 1])).toBe(0.5);
  });

  it('give the same as counting every pair', () => {
    const random = new Random(7);
    const scores = Array.from({ length: 200 }, () => random.int(40));
    const labels = scores.map(() => random.int(2));
    let [won, pairs] = [0, 0];
    for (const [i, anomaly] of scores.entries()) {
      for (const [j, normal] of scores.entries()) {
        if (labels[i] !== 1 || labels[j] !== 0) continue;
        pairs++;
        won += anomaly > normal ? 1 : anomaly === normal ? 0.5 : 0;
      }
    }
    expect(auroc(scores, labels)).toBeCloseTo(won / pairs, 12);
  });

  it('are no number with labels of one kind', () => {
    expect(auroc([1, 2], [1, 1])).toBeNaN();
    expect(averagePrecision([1, 2], [0, 0])).toBeNaN();
  });
});

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { auroc, averagePrecision } from './ranking.ts';

interface Case {
  scores: number[];
  labels: number[];
  auroc: number;
  averagePrecision: number;
}
const golden = JSON.parse(readFileSync(new URL('../../test/goldens/ranking.golden.json', import.meta.url), 'utf8')) as {
  cases: Case[];
};

describe('ranking', () => {
  it.each(golden.cases)(
    'is what scikit-learn says of $scores.length rows, ties included',
    ({ scores, labels, ...is }) => {
      const scored = { scores, labels: Uint8Array.from(labels) };
      expect(auroc(scored)).toBeCloseTo(is.auroc, 12);
      expect(averagePrecision(scored)).toBeCloseTo(is.averagePrecision, 12);
    },
  );

  it('counts ties as half a pair, and as one threshold', () => {
    const scored = { scores: [1, 1, 1, 1], labels: Uint8Array.of(0, 1, 0, 1) };
    expect(auroc(scored)).toBe(0.5);
    expect(averagePrecision(scored)).toBe(0.5);
  });

  it('takes infinite scores as equal', () => {
    const scored = { scores: [Infinity, Infinity, 0], labels: Uint8Array.of(1, 0, 0) };
    expect(auroc(scored)).toBe(0.75);
    expect(averagePrecision(scored)).toBe(0.5);
  });

  it.each([[[0, 0]], [[1, 1]]])('refuses labels %j, which are of one kind', (labels) => {
    expect(() => auroc({ scores: [1, 2], labels: Uint8Array.from(labels) })).toThrow(RangeError);
    expect(() => averagePrecision({ scores: [1, 2], labels: Uint8Array.from(labels) })).toThrow(RangeError);
  });
});

import { VECTOR_LENGTH } from '@liminal/shared/contracts/feature-vector';
import { Random } from '@liminal/shared/runtime/random';
import type { TrainingRow } from '../src/archive/training-row.ts';

export const FIRST_TS = Date.parse('2026-11-23T10:00:00.000Z');

/** Rows as the predictor might have made them, a second apart. */
export function trainingRows(count: number, { seed = 1, firstTs = FIRST_TS, users = 50 } = {}): TrainingRow[] {
  const random = new Random(seed);
  return Array.from({ length: count }, (_, index) => {
    const pValue = 1 - random.next();
    return {
      user: `user-${random.int(users)}`,
      ts: firstTs + index * 1_000,
      seq: index + 1,
      values: Float32Array.from({ length: VECTOR_LENGTH }, () =>
        random.next() < 0.2 ? Number.NaN : random.exponential(5),
      ),
      scores: { 'isolation-forest': { score: random.next(), pValue } },
      pValue,
      severity: pValue < 0.01 ? 'warning' : 'none',
      release: 'r-20261123T100000-0f3c9a1e',
    };
  });
}

import { describe, expect, test } from 'vitest';
import { type Said, scoreOf } from './score-verdicts.ts';

const said = (truth: Said['truth'], verdict: Said['verdict'], rest: Partial<Said> = {}): Said => ({
  truth,
  verdict,
  invented: 0,
  costUsd: 0.01,
  seconds: 1,
  ...rest,
});
const stolen = { category: 'stolen-token', severity: 'critical' } as const;
const benign = { category: 'benign', severity: 'none' } as const;

describe('the score of an analyst', () => {
  test('counts no verdict as no right one, and any harmless category as right for a false alarm', () => {
    const score = scoreOf([
      said(stolen, { category: 'stolen-token', severity: 'critical' }),
      said(stolen, { category: 'shared-account', severity: 'critical' }, { invented: 2 }),
      said(stolen, null),
      said(stolen, { category: 'busy-user', severity: 'none' }, { seconds: 9 }),
      said(benign, { category: 'changed-network', severity: 'none' }),
      said(benign, { category: 'scraping', severity: 'medium' }),
      said(benign, { category: 'unknown', severity: 'low' }),
      said(benign, { category: 'busy-user', severity: 'low' }),
    ]);
    expect(score).toEqual({
      incidents: 8,
      verdicts: 7,
      category: 3 / 8,
      severity: 3 / 8,
      missedAttacks: 1,
      falseAlarms: 1,
      invented: 2,
      costUsd: expect.closeTo(0.08, 9),
      p50Seconds: 1,
      p95Seconds: 9,
    });
  });

  test('of nothing is refused', () => expect(() => scoreOf([])).toThrow(RangeError));
});

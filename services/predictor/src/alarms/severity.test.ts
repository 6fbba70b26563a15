import { describe, expect, it } from 'vitest';
import { severityOf } from './severity.ts';

describe('severityOf', () => {
  it.each([
    [0.0100001, false, 'none'],
    [0.01, false, 'warning'],
    [0.0010001, false, 'warning'],
    [0.001, false, 'critical'],
    [0.001, true, 'warning'],
    [0.5, true, 'none'],
  ] as const)('p = %d, provisional %s → %s at an alarm rate of 1%%', (pValue, isProvisional, severity) => {
    expect(severityOf(pValue, 0.01, isProvisional)).toBe(severity);
  });
});

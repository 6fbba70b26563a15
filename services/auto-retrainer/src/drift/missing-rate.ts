import { logFactorials } from './log-factorials.ts';

/** Rows of a sample, and in how many of them a feature was not observed. */
export interface MissingCount {
  missing: number;
  rows: number;
}

/** Tables as likely as the one that was seen count as at least as extreme, whatever rounding does to them. */
const RELATIVE_TOLERANCE = 1e-7;

/**
 * Two-sided p-value for two proportions being the same: Fisher's exact test (Fisher 1935), the sum of all tables with the
 * same margins that are no likelier than the one that was seen. Exact at any counts, 0 included.
 */
export function missingRatePValue(reference: MissingCount, current: MissingCount): number {
  const rows = reference.rows + current.rows;
  const missing = reference.missing + current.missing;
  const logs = logFactorials(rows);
  const logChoose = (all: number, chosen: number): number => logs[all]! - logs[chosen]! - logs[all - chosen]!;
  const logAll = logChoose(rows, missing);
  const probability = (inReference: number): number =>
    Math.exp(logChoose(reference.rows, inReference) + logChoose(current.rows, missing - inReference) - logAll);
  const limit = probability(reference.missing) * (1 + RELATIVE_TOLERANCE);
  let total = 0;
  const most = Math.min(missing, reference.rows);
  for (let inReference = Math.max(0, missing - current.rows); inReference <= most; inReference++) {
    const table = probability(inReference);
    if (table <= limit) total += table;
  }
  return Math.min(total, 1);
}

import { type ATTACK_CATEGORIES, isBenign, type Verdict, type VerdictSeverity } from '../verdict.ts';

/** What a right verdict says; `benign`: any of the benign categories. */
export interface Truth {
  category: (typeof ATTACK_CATEGORIES)[number] | 'benign';
  severity: VerdictSeverity;
}

/** What one analyst said of one incident. */
export interface Said {
  truth: Truth;
  /** Null where it gave none, or none that counts. */
  verdict: Pick<Verdict, 'category' | 'severity'> | null;
  /** References that are not in the evidence. */
  invented: number;
  costUsd: number;
  seconds: number;
}

export interface Score {
  incidents: number;
  /** Verdicts that count. */
  verdicts: number;
  /** Shares of all incidents: no verdict is no right verdict. */
  category: number;
  severity: number;
  /** Attacks that were taken for something harmless, and harmless anomalies that were taken for attacks. */
  missedAttacks: number;
  falseAlarms: number;
  invented: number;
  costUsd: number;
  p50Seconds: number;
  p95Seconds: number;
}

/** Several analysts are compared on the same incidents. Throws `RangeError` without any. */
export function scoreOf(said: readonly Said[]): Score {
  if (said.length === 0) throw new RangeError('no incident to score on');
  const share = (isSo: (of: Said) => boolean): number => said.filter(isSo).length / said.length;
  const seconds = said.map((of) => of.seconds).sort((left, right) => left - right);
  return {
    incidents: said.length,
    verdicts: said.filter(({ verdict }) => verdict !== null).length,
    category: share(hasRightCategory),
    severity: share(({ truth, verdict }) => verdict?.severity === truth.severity),
    missedAttacks: said.filter(
      ({ truth, verdict }) => truth.category !== 'benign' && verdict !== null && isBenign(verdict.category),
    ).length,
    falseAlarms: said.filter(
      ({ truth, verdict }) => truth.category === 'benign' && verdict !== null && !isHarmless(verdict),
    ).length,
    invented: said.reduce((sum, { invented }) => sum + invented, 0),
    costUsd: said.reduce((sum, { costUsd }) => sum + costUsd, 0),
    p50Seconds: quantile(seconds, 0.5),
    p95Seconds: quantile(seconds, 0.95),
  };
}

const hasRightCategory = ({ truth, verdict }: Said): boolean =>
  verdict !== null && (truth.category === 'benign' ? isBenign(verdict.category) : verdict.category === truth.category);

const isHarmless = ({ category }: Pick<Verdict, 'category'>): boolean => isBenign(category) || category === 'unknown';

/** The smallest value that at least this share of the values does not exceed. */
const quantile = (sorted: readonly number[], share: number): number =>
  sorted[Math.max(Math.ceil(share * sorted.length) - 1, 0)]!;

import {
  isInForce,
  MAX_SUPPRESSIONS,
  matcherOf,
  type Suppression,
  type SuppressionMatch,
} from '@liminal/shared/contracts/suppression';
import type { JudgedAnomaly } from '@liminal/shared/contracts/verdict';
import type { JudgedAlarm } from './judged-alarms.ts';
import { patternOf } from './pattern.ts';
import { coverageOf } from './rule-limits.ts';

export interface EffectSettings {
  /** Off: verdicts are labels and no more. */
  isAutomatic: boolean;
  /** How long what was a false alarm is held back. */
  falsePositiveMs: number;
  newId(): string;
}

/** What a verdict does to the rules. */
export interface VerdictEffect {
  added: Suppression | null;
  ended: Suppression[];
  /** What came of it, for the one who said it. */
  because: string;
}

/** Of one user: what goes beyond is no pattern. */
const MOST_RULES_OF_USER = 10;

/**
 * `false_positive` and `expected` hold back more of the same of that user: for a bounded time, or until it is no longer
 * expected. Any verdict takes back what an earlier one on the same anomaly has brought about, and `true_positive` also every
 * rule that came of a verdict and holds such an anomaly back. Rules that analysts wrote stay: people take them back.
 */
export function effectOf(
  { verdict, anomaly }: JudgedAnomaly,
  { rules, judged, suppress }: { rules: readonly Suppression[]; judged: readonly JudgedAlarm[]; suppress: boolean },
  { isAutomatic, falsePositiveMs, newId }: EffectSettings,
): VerdictEffect {
  const { at: now } = verdict;
  const inForce = rules.filter((rule) => isInForce(rule, now));
  const contradicted = (rule: Suppression): boolean =>
    verdict.verdict === 'true_positive' &&
    rule.source !== 'analyst' &&
    anomaly.entity === 'user' &&
    matcherOf(rule).matches(anomaly.record);
  const over = inForce.filter((rule) => rule.anomaly === verdict.anomaly || contradicted(rule));
  const ended = over.map((rule) => ({
    ...rule,
    ended: { at: now, by: verdict.author, note: `${verdict.verdict} on ${verdict.anomaly}` },
  }));
  const nothing = (because: string): VerdictEffect => ({ added: null, ended, because });
  const { verdict: said } = verdict;
  if (said !== 'false_positive' && said !== 'expected') {
    return nothing(ended.length === 0 ? 'nothing is held back' : 'what was held back before alarms again');
  }
  if (!suppress) return nothing('nothing is held back, as asked for');
  if (!isAutomatic) return nothing('nothing is held back: FEEDBACK_AUTOMATIC is off');
  if (anomaly.entity === 'series') return nothing('nothing is held back: rules are about users');
  const { user } = anomaly.record;
  const left = inForce.filter((rule) => !over.includes(rule));
  const untilTs = verdict.expiresAt ?? now + falsePositiveMs;
  const covering = left.find((rule) => rule.untilTs >= untilTs && matcherOf(rule).matches(anomaly.record));
  if (covering !== undefined) return nothing(`rule ${covering.id} holds it back already`);
  if (left.length >= MAX_SUPPRESSIONS) return nothing(`there are ${MAX_SUPPRESSIONS} rules already`);
  if (left.filter((rule) => rule.user === user).length >= MOST_RULES_OF_USER) {
    return nothing(`there are ${MOST_RULES_OF_USER} rules for this user already`);
  }
  const match: SuppressionMatch = { user, features: patternOf(anomaly), timeOfDay: null, fromTs: null, untilTs };
  const others = judged.filter((alarm) => alarm.anomaly !== verdict.anomaly);
  const [confirmed] = coverageOf(match, [], others).confirmed;
  if (confirmed !== undefined) return nothing(`nothing is held back: ${confirmed} was such an alarm, and right`);
  const added: Suppression = {
    id: newId(),
    ...match,
    reason: verdict.note === '' ? `${said} on ${verdict.anomaly}` : verdict.note,
    author: verdict.author,
    createdAt: now,
    source: said,
    anomaly: verdict.anomaly,
    ended: null,
  };
  return { added, ended, because: `rule ${added.id} holds back more of the same of this user` };
}

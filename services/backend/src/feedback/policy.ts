import type { AlarmPolicy } from '@liminal/shared/contracts/alarm-policy';
import { AUTOMATIC_AUTHOR, type AuditEntry } from '@liminal/shared/contracts/audit-entry';
import { isInForce, type Suppression } from '@liminal/shared/contracts/suppression';
import type { Thresholds } from './thresholds.ts';

/** Rules end by the event time of vectors, which are scored some time later: by then the predictor must still have them. */
const LATEST_SCORING_MS = 3_600_000;

/** What the predictor is told: the rules that still say something, and the rates. */
export function policyOf(
  { rules, now }: { rules: readonly Suppression[]; now: number },
  { global, users }: Thresholds,
  revision: number,
): AlarmPolicy {
  return {
    version: 1,
    revision,
    rules: rules
      .filter((rule) => isInForce(rule, now - LATEST_SCORING_MS))
      .map(({ user, features, timeOfDay, fromTs, untilTs, id }) => ({
        user,
        features,
        timeOfDay,
        fromTs,
        untilTs,
        id,
      })),
    thresholds: { global: global.factor, users: users.map(({ user, factor }) => [user, factor]) },
  };
}

/** An entry for each rate that changes. */
export function thresholdAudit(
  before: AlarmPolicy,
  after: AlarmPolicy,
  thresholds: Thresholds,
  at: number,
): AuditEntry[] {
  const entry = (subject: string, user: string | null, because: string, from: number, to: number): AuditEntry => ({
    at,
    author: AUTOMATIC_AUTHOR,
    automatic: true,
    entity: 'threshold',
    action: 'change',
    subject,
    user,
    because,
    before: { factor: from },
    after: { factor: to },
  });
  const entries: AuditEntry[] = [];
  const [was, is] = [before.thresholds, after.thresholds];
  if (was.global !== is.global) {
    entries.push(entry('global', null, thresholds.global.because, was.global, is.global));
  }
  const earlier = new Map(was.users);
  const reasons = new Map(thresholds.users.map(({ user, because }) => [user, because]));
  for (const [user, factor] of is.users) {
    const from = earlier.get(user) ?? 1;
    if (from !== factor) entries.push(entry(`user:${user}`, user, reasons.get(user)!, from, factor));
    earlier.delete(user);
  }
  for (const [user, factor] of earlier) {
    entries.push(entry(`user:${user}`, user, 'no longer wrong often enough', factor, 1));
  }
  return entries;
}

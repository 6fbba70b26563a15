import type { AnomalyEntry } from '@liminal/shared/contracts/anomaly-entry';
import { FEATURE_NAMES } from '@liminal/shared/contracts/feature-vector';

export const INCIDENT_KINDS = ['user', 'ip', 'scenario'] as const;
export type IncidentKind = (typeof INCIDENT_KINDS)[number];

/** What anomalies are grouped by. */
export interface Group {
  kind: IncidentKind;
  /** The user, the IP, or the signature of the scenario. */
  key: string;
}

/** Users that a group must have touched to be more than the incident of one of them. */
export const LEAST_USERS: Record<IncidentKind, number> = { user: 1, ip: 2, scenario: 3 };

/** A feature is dominant when it is owed this share of what makes the vector anomalous. */
const DOMINANT_SHARE = 0.25;
const MOST_DOMINANT = 2;

export const groupName = ({ kind, key }: Group): string => `${kind}:${key}`;

/** The groups of an anomaly of a user; those of series have none. */
export function groupsOf(anomaly: AnomalyEntry): Group[] {
  if (anomaly.entity === 'series') return [];
  const { user, ip } = anomaly.record;
  const groups: Group[] = [{ kind: 'user', key: user }];
  if (ip !== undefined) groups.push({ kind: 'ip', key: ip });
  const signature = signatureOf(anomaly);
  if (signature !== undefined) groups.push({ kind: 'scenario', key: signature });
  return groups;
}

/**
 * What a scenario looks like, such as `ip_entropy:high jwt_usage_patterns:high`: the one or two features with the largest
 * Shapley values of the combined p-value, and on which side of the median of all users they are. Undefined without an
 * explanation.
 */
export function signatureOf({ record, explanation }: Extract<AnomalyEntry, { entity: 'user' }>): string | undefined {
  if (typeof explanation === 'string') return undefined;
  const { shap, expectations } = explanation;
  const shares = FEATURE_NAMES.map((name, feature) => ({
    name,
    feature,
    share: Math.max(0, shap.shapValues[feature]!),
  }));
  const whole = shares.reduce((sum, { share }) => sum + share, 0);
  const dominant = shares
    .filter(({ share }) => share > 0 && share >= DOMINANT_SHARE * whole)
    .sort((left, right) => right.share - left.share || left.feature - right.feature)
    .slice(0, MOST_DOMINANT)
    .sort((left, right) => left.feature - right.feature);
  if (dominant.length === 0) return undefined;
  const sides = dominant.map(({ name, feature }) => {
    return `${name}:${sideOf(record.values[feature]!, expectations[feature]!.everyone.median)}`;
  });
  return sides.join(' ');
}

function sideOf(value: number, median: number): 'missing' | 'low' | 'high' {
  if (Number.isNaN(value)) return 'missing';
  return value < median ? 'low' : 'high';
}

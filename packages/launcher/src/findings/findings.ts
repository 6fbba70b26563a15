import type { Severity } from '@liminal/shared/contracts/prediction';
import { type Label, SCENARIOS, type Scenario } from '@liminal/simulator/label';

/** What is read of an anomaly here. Times in ms since the epoch. */
export interface FoundAnomaly {
  user: string;
  /** Event time of the feature vector. */
  ts: number;
  pValue: number;
  severity: Severity;
  /** Highest score of its models, which orders equal p-values; higher = more anomalous. */
  score: number;
}

export interface ScenarioRecall {
  scenario: Scenario;
  attacks: number;
  /** Attacks of which at least one user was flagged while it lasted. */
  foundAttacks: number;
  users: number;
  foundUsers: number;
}

/** What came of the anomalies of a run against the labels of its attacks. */
export interface Comparison {
  recall: ScenarioRecall[];
  /** Anomalies of users under attack, of users an attack brushed, and of others. */
  attacked: number;
  touched: number;
  others: number;
}

/**
 * An attack shows in the features for as long as their window reaches back, so what is flagged within a window after
 * its end still belongs to it.
 */
const WINDOW_MS = 300_000;

const isDuring = (label: Label, ts: number): boolean => ts >= label.fromMs && ts <= label.toMs + WINDOW_MS;

/** The attack that an anomaly belongs to, if any. */
export const attackOf = (anomaly: FoundAnomaly, labels: readonly Label[]): Label | undefined =>
  labels.find((label) => isDuring(label, anomaly.ts) && label.users.includes(anomaly.user));

const isTouched = (anomaly: FoundAnomaly, labels: readonly Label[]): boolean =>
  labels.some((label) => isDuring(label, anomaly.ts) && label.touchedUsers.includes(anomaly.user));

export function compareWithLabels(anomalies: readonly FoundAnomaly[], labels: readonly Label[]): Comparison {
  const foundUsers = new Map<Label, Set<string>>(labels.map((label) => [label, new Set()]));
  const comparison = { attacked: 0, touched: 0, others: 0 };
  for (const anomaly of anomalies) {
    const attack = attackOf(anomaly, labels);
    if (attack !== undefined) {
      comparison.attacked += 1;
      foundUsers.get(attack)?.add(anomaly.user);
    } else if (isTouched(anomaly, labels)) comparison.touched += 1;
    else comparison.others += 1;
  }
  const recall = SCENARIOS.flatMap((scenario) => {
    const attacks = labels.filter((label) => label.scenario === scenario);
    if (attacks.length === 0) return [];
    return {
      scenario,
      attacks: attacks.length,
      foundAttacks: attacks.filter((label) => foundUsers.get(label)!.size > 0).length,
      users: attacks.reduce((sum, { users }) => sum + users.length, 0),
      foundUsers: attacks.reduce((sum, label) => sum + foundUsers.get(label)!.size, 0),
    };
  });
  return { recall, ...comparison };
}

/** The worst anomaly of each user, worst user first. */
export function topAnomalies<Anomaly extends FoundAnomaly>(anomalies: readonly Anomaly[], count: number): Anomaly[] {
  const worstFirst = anomalies.toSorted((a, b) => a.pValue - b.pValue || b.score - a.score);
  const seen = new Set<string>();
  return worstFirst.filter(({ user }) => !seen.has(user) && seen.add(user)).slice(0, count);
}

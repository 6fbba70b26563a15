import type { FeatureName } from '@liminal/shared/contracts/feature-vector';
import type { ReleaseManifest } from '@liminal/shared/contracts/release';
import type { Label } from '@liminal/simulator/label';

import { attackOf, compareWithLabels, topAnomalies } from './findings.ts';
import type { ReadPrediction } from './read-anomalies.ts';
import { strongestFeatures } from './strongest-features.ts';

export interface Findings {
  release: ReleaseManifest;
  anomalies: readonly ReadPrediction[];
  /** The newest predictions: shown when there is no anomaly. */
  newest: readonly ReadPrediction[];
  /** Vectors that were scored in this run. */
  predictions: number;
  /** Attacks of this run, when it was simulated. */
  labels: readonly Label[] | null;
}

const TOP = 12;
const FEATURES_SHOWN = 2;
const LONGEST_USER = 28;

const UNITS: Record<FeatureName, string> = {
  requests_per_user: '/min',
  burstiness_score: '',
  ip_entropy: ' bits',
  channel_activity: '/min',
  predicted_user_load: '/min',
  login_intervals: ' s',
  jwt_usage_patterns: ' bits',
};

const number = (value: number): string => value.toLocaleString('en');
const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
const minute = (ts: number): string => new Date(ts).toISOString().slice(0, 16).replace('T', ' ');
const shortened = (user: string): string => (user.length > LONGEST_USER ? `${user.slice(0, LONGEST_USER - 1)}…` : user);

/** Columns as wide as their widest cell, two blanks apart. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column]!)).join('  ')}`.trimEnd());
}

function anomalyTable({ anomalies, newest, release, labels }: Findings): string[] {
  const title =
    anomalies.length > 0
      ? 'Top anomalies of this run, the worst of each user:'
      : 'No vector of this run raised an alarm. The most unusual of the newest ones:';
  const top = topAnomalies(anomalies.length > 0 ? anomalies : newest, TOP);
  if (top.length === 0) return ['Nothing was scored yet.'];
  const rows = top.map((anomaly) => [
    shortened(anomaly.user),
    minute(anomaly.ts),
    anomaly.pValue.toFixed(5),
    anomaly.severity,
    strongestFeatures(anomaly.features, release.referenceProfile, FEATURES_SHOWN)
      .map(({ feature, value }) => `${feature} ${Number(value.toPrecision(3))}${UNITS[feature]}`)
      .join(', ') || 'only the combination',
    ...(labels === null ? [] : [attackOf(anomaly, labels)?.scenario ?? '–']),
  ]);
  const header = ['user', 'time (UTC)', 'p-value', 'severity', 'unusual', ...(labels === null ? [] : ['label'])];
  return [title, ...table([header, ...rows])];
}

function comparison({ anomalies, predictions, labels }: Findings): string[] {
  if (labels === null || labels.length === 0) return [];
  const { recall, attacked, touched, others } = compareWithLabels(anomalies, labels);
  const rows = recall.map((found) => [
    found.scenario,
    `${found.foundAttacks} of ${found.attacks}`,
    `${found.foundUsers} of ${found.users}`,
  ]);
  const normal = predictions - attacked - touched;
  return [
    '',
    'Attacks found, by scenario:',
    ...table([['scenario', 'attacks', 'users'], ...rows]),
    `${number(attacked)} of ${number(anomalies.length)} anomalies are of users under attack. ` +
      `Of ${number(normal)} other vectors, ${number(others)} (${percent(normal > 0 ? others / normal : 0)}) raised an alarm.`,
  ];
}

/** The end of a run in words: the release, the top anomalies, and how they compare with the labels. */
export function findingsText(findings: Findings): string {
  const { release, predictions } = findings;
  const origin = release.provisional
    ? 'the factory release (provisional: it has not seen this platform yet, so nothing is critical)'
    : `trained on ${number(release.trainingData.rows)} rows of ${number(release.trainingData.users)} users`;
  return [
    `Release ${release.id}, ${origin}. Scored in this run: ${number(predictions)} vectors.`,
    '',
    ...anomalyTable(findings),
    ...comparison(findings),
  ].join('\n');
}

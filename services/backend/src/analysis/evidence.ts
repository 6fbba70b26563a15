import type { AnomalyEntry } from '@liminal/shared/contracts/anomaly-entry';
import type { Event } from '@liminal/shared/contracts/event';
import { toExpected } from '@liminal/shared/contracts/explanation';
import { FEATURE_COUNT, FEATURE_NAMES, type FeatureName } from '@liminal/shared/contracts/feature-vector';
import { namedFeatures, observed, type Severity } from '@liminal/shared/contracts/prediction';
import { anomalyId, type PredictionRecord } from '@liminal/shared/contracts/prediction-batch';
import { type SeriesAnomaly, toSeriesAnomaly } from '@liminal/shared/contracts/series-anomaly';

export type Features = Record<FeatureName, number | null>;
export type Expected = ReturnType<typeof toExpected>;

/** An event by the name that verdicts refer to it with; ids that came with events say more than they should. */
export interface EvidenceEvent {
  reference: string;
  event: Event & { ts: number };
}

/** What an analyst is given of an anomaly of a user. Holds identities: `pseudonymise` before it leaves. */
export interface UserEvidence {
  entity: 'user';
  anomaly: string;
  user: string;
  /** Event time, ms since the epoch. */
  ts: number;
  severity: Severity;
  pValue: number;
  isProvisional: boolean;
  features: Features;
  /** Requests per minute over the last 33 whole minutes, oldest first. */
  loadHistory: (number | null)[];
  scores: PredictionRecord['scores'];
  /** Shapley values of −log10 of the p-value: positive = makes it more anomalous. Null without explanation. */
  shares: Record<FeatureName, number> | null;
  expected: Expected | null;
  /** Features of earlier vectors of the user that raised no alarm, newest first. */
  history: Features[];
  /** Oldest first; none where the pipe holds none of them any more. */
  events: EvidenceEvent[];
}

/** What an analyst is given of an anomaly of a series of the platform. */
export interface SeriesEvidence {
  entity: 'series';
  anomaly: string;
  series: SeriesAnomaly;
}

export type Evidence = UserEvidence | SeriesEvidence;

/** Most events that an analyst is given: the newest. */
export const MOST_EVENTS = 40;
/** Earlier vectors that an analyst is given. */
const MOST_HISTORY = 12;

export interface Surroundings {
  /** Features of earlier vectors of the user, newest first. */
  history: readonly Float32Array[];
  /** Events of the user, oldest first. */
  events: readonly (Event & { ts: number })[];
}

export function evidenceOf(entry: AnomalyEntry, { history, events }: Surroundings): Evidence {
  if (entry.entity === 'series') {
    const series = toSeriesAnomaly(entry.record);
    return { entity: 'series', anomaly: series.id, series };
  }
  const { record, explanation } = entry;
  const explained = typeof explanation === 'string' ? null : explanation;
  return {
    entity: 'user',
    anomaly: anomalyId(record),
    user: record.user,
    ts: record.ts,
    severity: record.severity,
    pValue: record.pValue,
    isProvisional: record.provisional,
    features: namedFeatures(record.values),
    loadHistory: [...record.values.subarray(FEATURE_COUNT)].map(observed),
    scores: record.scores,
    shares: explained && sharesOf(explained.shap.shapValues),
    expected: explained && toExpected(explained.expectations),
    history: history.slice(0, MOST_HISTORY).map(namedFeatures),
    events: events.slice(-MOST_EVENTS).map((event, index) => ({ reference: `event-${index + 1}`, event })),
  };
}

const sharesOf = (shapValues: ArrayLike<number>): Record<FeatureName, number> =>
  Object.fromEntries(FEATURE_NAMES.map((name, index) => [name, shapValues[index]!])) as Record<FeatureName, number>;

/** Everything that evidence of a verdict may refer to. */
export function referencesOf(evidence: Evidence): Set<string> {
  if (evidence.entity === 'series') return new Set([evidence.series.measure, 'recent', 'load']);
  return new Set([...FEATURE_NAMES, ...evidence.events.map(({ reference }) => reference)]);
}

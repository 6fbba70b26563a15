import type { Expectation, Language } from '@liminal/shared/contracts/explanation';
import { FEATURE_NAMES, type FeatureName } from '@liminal/shared/contracts/feature-vector';

/** What a summary is made from; arrays in the order of the features. */
export interface ExplainedVector {
  /** Features of the vector, NaN = not observed. */
  values: ArrayLike<number>;
  /** Positive = makes it more anomalous. */
  shapValues: ArrayLike<number>;
  expectations: readonly Expectation[];
}

interface Phrases {
  features: Record<FeatureName, { name: string; unit: string }>;
  number: Intl.NumberFormat;
  percent: Intl.NumberFormat;
  standsOut(features: readonly string[]): string;
  nothingStandsOut: string;
  notObserved: string;
  usually(value: string): string;
  everyone(percentile: number, value: string): string;
  missingFor(percent: string): string;
}

const PHRASES: Record<Language, Phrases> = {
  en: {
    ...formatsOf('en'),
    features: {
      requests_per_user: { name: 'requests_per_user', unit: '/min' },
      burstiness_score: { name: 'burstiness_score (rhythm of the requests)', unit: '' },
      ip_entropy: { name: 'ip_entropy (spread over IPs)', unit: ' bits' },
      channel_activity: { name: 'channel_activity', unit: '/min' },
      predicted_user_load: { name: 'predicted_user_load (course of the requests and its forecast)', unit: '/min' },
      login_intervals: { name: 'login_intervals (time between logins)', unit: ' s' },
      jwt_usage_patterns: { name: 'jwt_usage_patterns (clients per token)', unit: ' bits' },
    },
    standsOut: (features) => `Stands out by ${features.join(', and by ')}.`,
    nothingStandsOut: 'No feature stands out by itself: their combination does.',
    notObserved: 'not observed',
    usually: (value) => `usually ${value}`,
    everyone: (percentile, value) => `p${percentile} of all users: ${value}`,
    missingFor: (percent) => `so in ${percent} of all vectors`,
  },
  ru: {
    ...formatsOf('ru'),
    features: {
      requests_per_user: { name: 'запросы (requests_per_user)', unit: '/мин' },
      burstiness_score: { name: 'ритм запросов (burstiness_score)', unit: '' },
      ip_entropy: { name: 'разброс по IP (ip_entropy)', unit: ' бит' },
      channel_activity: { name: 'активность в каналах (channel_activity)', unit: '/мин' },
      predicted_user_load: { name: 'ход запросов и его прогноз (predicted_user_load)', unit: '/мин' },
      login_intervals: { name: 'время между входами (login_intervals)', unit: ' с' },
      jwt_usage_patterns: { name: 'клиенты на один токен (jwt_usage_patterns)', unit: ' бит' },
    },
    standsOut: (features) => `Выделяется: ${features.join('; ')}.`,
    nothingStandsOut: 'Ни один признак не выделяется сам по себе: необычно их сочетание.',
    notObserved: 'нет наблюдений',
    usually: (value) => `обычно ${value}`,
    everyone: (percentile, value) => `p${percentile} всех пользователей: ${value}`,
    missingFor: (percent) => `так в ${percent} всех векторов`,
  },
};

function formatsOf(locale: string): Pick<Phrases, 'number' | 'percent'> {
  return {
    number: new Intl.NumberFormat(locale, { maximumSignificantDigits: 3 }),
    percent: new Intl.NumberFormat(locale, { style: 'percent', maximumSignificantDigits: 2 }),
  };
}

/** More would be no summary. */
const MOST_FEATURES = 2;
/** A feature is named when it makes at least this share of what all of them add together. */
const LEAST_SHARE = 0.2;

/**
 * One sentence that says which features made a vector anomalous, by rule: those with the largest positive shares, each
 * beside what it usually is for the user and at the edge of everybody's.
 */
export function summarise(vector: ExplainedVector, language: Language): string {
  const phrases = PHRASES[language];
  const named = strongestFeatures(vector.shapValues);
  if (named.length === 0) return phrases.nothingStandsOut;
  return phrases.standsOut(named.map((feature) => describe(vector, feature, phrases)));
}

function strongestFeatures(shapValues: ArrayLike<number>): number[] {
  const shares = Array.from(shapValues);
  const total = shares.reduce((sum, share) => sum + Math.max(share, 0), 0);
  return [...shares.keys()]
    .filter((feature) => shares[feature]! > 0 && shares[feature]! >= LEAST_SHARE * total)
    .sort((left, right) => shares[right]! - shares[left]! || left - right)
    .slice(0, MOST_FEATURES);
}

function describe({ values, expectations }: ExplainedVector, feature: number, phrases: Phrases): string {
  const { name, unit } = phrases.features[FEATURE_NAMES[feature]!];
  const { user, everyone } = expectations[feature]!;
  const value = values[feature]!;
  const said = Number.isNaN(value) ? phrases.notObserved : `${phrases.number.format(value)}${unit}`;
  const usual = Number.isNaN(user.median) ? [] : [phrases.usually(phrases.number.format(user.median))];
  return [`${name} ${said}`, ...usual].join(', ') + edgeOf(value, everyone, phrases);
}

/** The percentile of everybody's that lies on the side of the value; of a missing value how often it is missing. */
function edgeOf(value: number, { low, median, high, missingRate }: Expectation['everyone'], phrases: Phrases): string {
  const { number, percent, everyone, missingFor } = phrases;
  if (Number.isNaN(value)) return ` (${missingFor(percent.format(missingRate))})`;
  if (Number.isNaN(median)) return '';
  return value >= median ? ` (${everyone(99, number.format(high))})` : ` (${everyone(1, number.format(low))})`;
}

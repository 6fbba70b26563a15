import type { ReferenceProfile } from '@liminal/shared/contracts/release';
import type { Label } from '@liminal/simulator/label';
import { describe, expect, it } from 'vitest';
import { attackOf, compareWithLabels, type FoundAnomaly, topAnomalies } from './findings.ts';
import { strongestFeatures } from './strongest-features.ts';

const MINUTE_MS = 60_000;

function label(scenario: Label['scenario'], fromMinute: number, toMinute: number, ...users: string[]): Label {
  return {
    id: `${scenario}-${fromMinute}`,
    scenario,
    users,
    touchedUsers: ['brushed'],
    ips: ['198.51.100.1'],
    fromMs: fromMinute * MINUTE_MS,
    toMs: toMinute * MINUTE_MS,
    features: ['requests_per_user'],
  };
}

const anomaly = (user: string, minute: number, pValue = 0.001, score = 0.6): FoundAnomaly => {
  return { user, ts: minute * MINUTE_MS, pValue, severity: 'critical', score };
};

const labels = [
  label('scraping', 10, 20, 'ada'),
  label('scraping', 40, 50, 'ben'),
  label('slow-bot', 10, 90, 'cem', 'dee'),
];

describe('compareWithLabels', () => {
  it('counts attacks and users found, by scenario', () => {
    const { recall } = compareWithLabels([anomaly('ada', 12), anomaly('ada', 13), anomaly('cem', 60)], labels);
    expect(recall).toEqual([
      { scenario: 'scraping', attacks: 2, foundAttacks: 1, users: 2, foundUsers: 1 },
      { scenario: 'slow-bot', attacks: 1, foundAttacks: 1, users: 2, foundUsers: 1 },
    ]);
  });

  it('tells alarms of attacked users from those of brushed ones and of others', () => {
    const anomalies = [anomaly('ada', 12), anomaly('brushed', 12), anomaly('eve', 12), anomaly('ada', 45)];
    expect(compareWithLabels(anomalies, labels)).toMatchObject({ attacked: 1, touched: 1, others: 2 });
  });

  it('counts what the feature window still shows after the end of an attack, and nothing before its begin', () => {
    expect(attackOf(anomaly('ada', 25), labels)?.id).toBe('scraping-10');
    expect(attackOf(anomaly('ada', 26), labels)).toBeUndefined();
    expect(attackOf(anomaly('ada', 9), labels)).toBeUndefined();
  });
});

describe('topAnomalies', () => {
  it('gives the worst of each user, worst user first, equal p-values by score', () => {
    const anomalies = [
      anomaly('ada', 1, 0.005),
      anomaly('ada', 2, 0.001, 0.6),
      anomaly('ben', 3, 0.001, 0.7),
      anomaly('cem', 4, 0.01),
    ];
    expect(topAnomalies(anomalies, 3).map(({ user, ts }) => [user, ts / MINUTE_MS])).toEqual([
      ['ben', 3],
      ['ada', 2],
      ['cem', 4],
    ]);
    expect(topAnomalies(anomalies, 1)).toHaveLength(1);
  });
});

describe('strongestFeatures', () => {
  const profile: ReferenceProfile = {
    rows: 100,
    probabilities: [0.01, 0.5, 0.99],
    features: [
      { feature: 'requests_per_user', quantiles: [0, 2, 10], missingRate: 0 },
      { feature: 'burstiness_score', quantiles: [-0.5, 0, 0.5], missingRate: 0 },
      { feature: 'ip_entropy', quantiles: [0, 0, 0], missingRate: 0 },
      { feature: 'channel_activity', quantiles: [0, 1, 5], missingRate: 0 },
      { feature: 'predicted_user_load', quantiles: null, missingRate: 1 },
      { feature: 'login_intervals', quantiles: [60, 3_600, 80_000], missingRate: 0 },
      { feature: 'jwt_usage_patterns', quantiles: [0, 0, 1], missingRate: 0.5 },
    ],
  };
  const usual = {
    requests_per_user: 2,
    burstiness_score: 0.1,
    ip_entropy: 0,
    channel_activity: 5,
    predicted_user_load: 3,
    login_intervals: 600,
    jwt_usage_patterns: null,
  };

  it('finds nothing within the quantiles', () => {
    expect(strongestFeatures(usual, profile, 3)).toEqual([]);
  });

  it('orders by the distance from the median on the side of the value', () => {
    const found = strongestFeatures({ ...usual, requests_per_user: 26, login_intervals: 1 }, profile, 3);
    expect(found.map(({ feature }) => feature)).toEqual(['requests_per_user', 'login_intervals']);
    expect(found[0]?.ratio).toBeCloseTo(3, 6);
    expect(found[1]?.ratio).toBeCloseTo(3_599 / 3_540, 6);
  });

  it('takes any difference from a constant feature as large, but finite', () => {
    const [first] = strongestFeatures({ ...usual, ip_entropy: 1, requests_per_user: 26 }, profile, 1);
    expect(first).toMatchObject({ feature: 'ip_entropy', value: 1 });
    expect(first?.ratio).toBeLessThan(Number.POSITIVE_INFINITY);
  });
});

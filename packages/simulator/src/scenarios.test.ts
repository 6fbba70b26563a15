import { FEATURE_NAMES, type FeatureName, PREDICTED_USER_LOAD } from '@liminal/shared/contracts/feature-vector';
import { ewmaForecast } from '@liminal/shared/features/load-forecast';
import { replayEvents } from '@liminal/shared/features/replay';
import { describe, expect, it } from 'vitest';
import { type Label, SCENARIOS } from './label.ts';
import { normalTraffic, simulateTraffic } from './traffic.ts';

const DAY_MS = 86_400_000;
const MONDAY = Date.UTC(2026, 10, 16);
const options = { seed: 5, startMs: MONDAY, endMs: MONDAY + DAY_MS, users: 240 };

/** Below so many vectors a user has no habits to compare with. */
const LITTLE_KNOWN = 20;

/** Where a feature goes under attack. */
const RISES: Record<FeatureName, boolean> = {
  requests_per_user: true,
  burstiness_score: false,
  ip_entropy: true,
  channel_activity: true,
  predicted_user_load: true,
  login_intervals: false,
  jwt_usage_patterns: true,
};

function foldFeatures(events: Parameters<typeof replayEvents>[0]) {
  return Array.from(replayEvents(events), ({ user, ts, values }) => {
    const features = values.slice(0, FEATURE_NAMES.length);
    features[PREDICTED_USER_LOAD] = ewmaForecast(values.subarray(FEATURE_NAMES.length));
    return { user, ts, features };
  });
}

function quantile(values: number[], share: number): number {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort((a, b) => a - b);
  return sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN;
}

describe.each(SCENARIOS)('%s', (scenario) => {
  const traffic = simulateTraffic({ ...options, attacks: { [scenario]: 4 } });
  const vectors = foldFeatures(traffic.events());
  const normal = foldFeatures(normalTraffic(options));

  it('happens as often as asked, each time to others', () => {
    expect(traffic.labels.length).toBe(4);
    expect(new Set(traffic.labels.flatMap((label) => label.users)).size).toBe(
      traffic.labels.reduce((sum, label) => sum + label.users.length, 0),
    );
  });

  it('moves the features that its label names beyond what is normal, and its victims beyond themselves', () => {
    // Credential stuffing is at each account for a part of its span, and shows once it outnumbers earlier sign-ins.
    const share = scenario === 'credential-stuffing' ? 1 : 0.9;
    for (const label of traffic.labels) {
      for (const feature of label.features) {
        const column = FEATURE_NAMES.indexOf(feature);
        const sign = RISES[feature] ? 1 : -1;
        const values = (rows: typeof vectors) => rows.map((row) => sign * row.features[column]!);
        const usual = quantile(values(normal), 0.97);
        for (const user of label.users) {
          const own = vectors.filter((row) => row.user === user);
          const attacked = quantile(values(own.filter((row) => during(label, row.ts))), share);
          expect(attacked, `${label.id} ${user} ${feature}`).toBeGreaterThan(usual);
          const past = own.filter((row) => row.ts < label.fromMs);
          const before = quantile(values(past), 0.5);
          if (past.length >= LITTLE_KNOWN && !Number.isNaN(before))
            expect(attacked, `${label.id} ${user} ${feature}`).toBeGreaterThan(before);
        }
      }
    }
  });
});

const during = (label: Label, ts: number) => ts >= label.fromMs && ts <= label.toMs;

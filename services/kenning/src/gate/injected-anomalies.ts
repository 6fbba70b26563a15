import { FEATURE_NAMES, type FeatureName } from '@liminal/shared/contracts/feature-vector';
import type { Random } from '@liminal/shared/runtime/random';

/** What attacks do to a vector, in the features' own units. NaN stays: what was not observed is not made up. */
const INJECTIONS: ((value: (feature: FeatureName, change: (before: number) => number) => void) => void)[] = [
  // Scraping: many requests, evenly spaced.
  (change) => {
    change('requests_per_user', (before) => 10 * before + 60);
    change('burstiness_score', () => -0.9);
    change('predicted_user_load', (before) => 10 * before + 60);
  },
  // A shared or stolen token: many addresses, many clients of a token.
  (change) => {
    change('ip_entropy', (before) => before + 3);
    change('jwt_usage_patterns', (before) => before + 1.5);
  },
  // Credential stuffing: logins every second, from anywhere.
  (change) => {
    change('login_intervals', () => 1);
    change('ip_entropy', (before) => before + 2);
  },
  // Spam.
  (change) => change('channel_activity', (before) => 10 * before + 60),
];

/** The vectors, each changed as one kind of attack would change it. `rows`: row-major [n, columns], features first. */
export function injectAnomalies(rows: Float32Array, columns: number, random: Random): Float32Array {
  const injected = rows.slice();
  for (let start = 0; start < injected.length; start += columns) {
    random.pick(INJECTIONS)((feature, change) => {
      const place = start + FEATURE_NAMES.indexOf(feature);
      if (!Number.isNaN(injected[place])) injected[place] = change(injected[place]!);
    });
  }
  return injected;
}

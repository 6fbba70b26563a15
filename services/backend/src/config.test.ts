import { expect, test } from 'vitest';
import { loadConfig } from './config.ts';

test('has defaults for everything', () => {
  expect(loadConfig({})).toMatchObject({ port: 8000, eventsHighWater: 200_000, predictionTtlSeconds: 86_400 });
});

test('holds false alarms back for two weeks, and can leave that to people', () => {
  expect(loadConfig({})).toMatchObject({ feedbackAutomatic: true, falsePositiveMs: 14 * 86_400_000 });
  expect(loadConfig({ FEEDBACK_AUTOMATIC: 'false' }).feedbackAutomatic).toBe(false);
});

test('takes its settings from the environment', () => {
  const env = { EVENTS_HIGH_WATER: '10000', PREDICTION_TTL_SECONDS: '60' };
  expect(loadConfig(env)).toMatchObject({ eventsHighWater: 10_000, predictionTtlSeconds: 60 });
});

test('refuses a mark under which the largest call could never be taken', () => {
  expect(() => loadConfig({ EVENTS_HIGH_WATER: '9999' })).toThrow(/EVENTS_HIGH_WATER/);
});

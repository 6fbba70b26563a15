import { FEATURE_COUNT, MINUTE_MS, VECTOR_LENGTH } from '@liminal/shared/contracts/feature-vector';
import type { Prediction } from '@liminal/shared/contracts/prediction';
import { ewmaForecast } from '@liminal/shared/features/load-forecast';
import { replayEvents } from '@liminal/shared/features/replay';
import { normalTraffic } from '@liminal/simulator/traffic';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { everythingIsArchived, ServiceProcess, sendUntilTaken } from './service-process.ts';
import { startStores } from './stores.ts';

const CALL_EVENTS = 500;
const cleanups: (() => Promise<unknown>)[] = [];
const services = new Map<string, ServiceProcess>();

beforeAll(async () => {
  const { env } = await startStores('load-forecast', cleanups);
  for (const name of ['backend', 'feature-extractor', 'predictor', 'kenning'] as const) {
    const service = await ServiceProcess.start(name, env);
    services.set(name, service);
    cleanups.push(() => service.kill());
  }
  await services.get('predictor')!.ready();
});

afterAll(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

it('every forecast is served beside the load, checked once its minute is over, and measured', {
  timeout: 120_000,
}, async () => {
  const startMs = Date.UTC(2026, 10, 2);
  const events = [...normalTraffic({ seed: 9, startMs, endMs: startMs + 24 * 3_600_000, users: 150 })];
  for (let start = 0; start < events.length; start += CALL_EVENTS) {
    await sendUntilTaken(services.get('backend')!, events.slice(start, start + CALL_EVENTS));
  }
  await everythingIsArchived(services.get('backend')!);

  // The same minutes, from the events alone.
  const expected = { checked: { lstm: 0, ewma: 0 }, persistence: 0, ewma: 0, newest: new Map<string, Float32Array>() };
  const last = new Map<string, { minute: number; history: Float32Array }>();
  for (const { user, ts, values } of replayEvents(events)) {
    const minute = Math.floor(ts / MINUTE_MS);
    const before = last.get(user);
    const ago = before === undefined ? 0 : minute - before.minute;
    const history = values.subarray(FEATURE_COUNT);
    if (before !== undefined && ago >= 1 && ago <= history.length && !Number.isNaN(before.history.at(-1)!)) {
      const actual = values[VECTOR_LENGTH - ago]!;
      const isWhole = !before.history.some(Number.isNaN);
      expected.checked[isWhole ? 'lstm' : 'ewma']++;
      if (isWhole) {
        expected.persistence += Math.abs(before.history.at(-1)! - actual);
        expected.ewma += Math.abs(ewmaForecast(before.history) - actual);
      }
    }
    last.set(user, { minute, history });
    expected.newest.set(user, history);
  }
  expect(expected.checked.lstm).toBeGreaterThan(500);
  expect(expected.checked.ewma).toBeGreaterThan(20);

  const metrics = await (await fetch(`${services.get('predictor')!.url}/metrics`)).text();
  const metric = (series: string): number => {
    const line = metrics.split('\n').find((text) => text.startsWith(`${series} `));
    if (line === undefined) throw new Error(`no series ${series}`);
    return Number(line.slice(series.length + 1));
  };
  const errorOf = (forecaster: string) =>
    metric(`liminal_predictor_load_error_requests_total{served="lstm",forecaster="${forecaster}"}`);
  expect(metric('liminal_predictor_load_forecasts_total{served="lstm"}')).toBe(expected.checked.lstm);
  expect(metric('liminal_predictor_load_forecasts_total{served="ewma"}')).toBe(expected.checked.ewma);
  expect(errorOf('persistence')).toBe(expected.persistence);
  expect(errorOf('ewma')).toBeCloseTo(expected.ewma, 3);
  const [inside, outside] = ['inside', 'outside'].map((result) =>
    metric(`liminal_predictor_load_intervals_total{result="${result}"}`),
  );
  expect(inside! + outside!).toBe(expected.checked.lstm);
  const perForecast = (error: number): string => (error / expected.checked.lstm).toFixed(2);
  console.log(
    `${expected.checked.lstm} forecasts; mean absolute error lstm ${perForecast(errorOf('lstm'))}, ` +
      `ewma ${perForecast(expected.ewma)}, persistence ${perForecast(expected.persistence)}; ` +
      `${((100 * inside!) / (inside! + outside!)).toFixed(1)}% inside`,
  );
  expect(errorOf('lstm')).toBeLessThan(0.9 * Math.min(expected.ewma, expected.persistence));

  const served = { lstm: 0, ewma: 0 };
  for (const [user, history] of expected.newest) {
    const response = await fetch(`${services.get('backend')!.url}/ml/users/${encodeURIComponent(user)}`);
    const { prediction } = (await response.json()) as { prediction: Prediction };
    const { forecast, checked } = prediction.load;
    if (Number.isNaN(history.at(-1)!)) {
      expect(forecast).toBeNull();
      continue;
    }
    expect(forecast!.minute).toBe(prediction.ts - (prediction.ts % MINUTE_MS));
    expect(prediction.features.predicted_user_load).toBe(forecast!.load);
    served[forecast!.forecaster]++;
    const isWhole = !history.some(Number.isNaN);
    expect(forecast!.forecaster).toBe(isWhole ? 'lstm' : 'ewma');
    expect('lstm' in prediction.scores).toBe(isWhole);
    expect(forecast!.interval === null).toBe(!isWhole);
    if (checked === null) continue;
    const ago = Math.floor(prediction.ts / MINUTE_MS) - checked.minute / MINUTE_MS;
    if (ago >= 1 && ago <= history.length) expect(checked.actual).toBe(history.at(-ago));
  }
  expect(served.lstm).toBeGreaterThan(20);
  expect(served.ewma).toBeGreaterThan(2);
});

import {
  FEATURE_COUNT,
  LOAD_HISTORY_MINUTES,
  MINUTE_MS,
  VECTOR_LENGTH,
} from '@liminal/shared/contracts/feature-vector';
import type { CheckedForecast, Forecaster } from '@liminal/shared/contracts/load-forecast';
import type { PredictionRecord } from '@liminal/shared/contracts/prediction-batch';
import { ewmaForecast } from '@liminal/shared/features/load-forecast';

/** A forecast whose minute is over, beside what others would have said of the same minute from the same history. */
export interface ForecastCheck {
  checked: CheckedForecast;
  /** Absolute errors in requests, by forecaster. */
  errors: Partial<Record<Forecaster | 'persistence', number>>;
  /** Whether the load lay in the interval; undefined where there was none. */
  isInside: boolean | undefined;
}

/**
 * Checks the forecast of a user's prediction against a later vector of the same user, whose load history tells what came in
 * the minute. Undefined while that minute is running, and where more minutes lie between than a history has.
 */
export function checkForecast(
  { ts: madeAt, values, forecast }: Pick<PredictionRecord, 'ts' | 'values' | 'forecast'>,
  vector: { ts: number; values: Float32Array },
): ForecastCheck | undefined {
  const minute = Math.floor(madeAt / MINUTE_MS);
  const ago = Math.floor(vector.ts / MINUTE_MS) - minute;
  if (forecast === null || ago < 1 || ago > LOAD_HISTORY_MINUTES) return undefined;
  const actual = vector.values[VECTOR_LENGTH - ago]!;
  if (Number.isNaN(actual)) return undefined;
  const { load, lower, upper } = forecast;
  const history = values.subarray(FEATURE_COUNT);
  return {
    checked: { ...forecast, minuteTs: minute * MINUTE_MS, actual },
    errors: {
      ewma: Math.abs(ewmaForecast(history) - actual),
      persistence: Math.abs(history.at(-1)! - actual),
      [forecast.forecaster]: Math.abs(load - actual),
    },
    isInside: Number.isNaN(lower) ? undefined : lower <= actual && actual <= upper,
  };
}

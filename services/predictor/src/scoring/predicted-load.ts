import { FEATURE_COUNT, PREDICTED_USER_LOAD } from '@liminal/shared/contracts/feature-vector';
import { ewmaForecast } from '@liminal/shared/features/load-forecast';

/** Fills `predicted_user_load` of a vector of features and load history, unless it is there already. */
export function fillPredictedLoad(values: Float32Array): void {
  if (Number.isNaN(values[PREDICTED_USER_LOAD])) {
    values[PREDICTED_USER_LOAD] = ewmaForecast(values.subarray(FEATURE_COUNT));
  }
}

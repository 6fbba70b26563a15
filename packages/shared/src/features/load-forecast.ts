/** Weight of the newest minute: a memory of about five minutes, the length of the feature window. */
const SMOOTHING = 1 / 3;

/**
 * Exponentially weighted moving average of a load history: the forecast of the next minute for users whose history is not
 * whole, and where a release has no LSTM. `history`: requests per minute, oldest first, NaN = not observed. NaN when no minute was observed.
 */
export function ewmaForecast(history: ArrayLike<number>): number {
  let forecast = Number.NaN;
  for (let index = 0; index < history.length; index++) {
    const load = history[index]!;
    if (Number.isNaN(load)) continue;
    forecast = Number.isNaN(forecast) ? load : forecast + SMOOTHING * (load - forecast);
  }
  return forecast;
}

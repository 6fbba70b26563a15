/** How a value of a model is shared out over the features: `baseValue` + sum of `shapValues` = the value explained. */
export interface Attribution {
  /** What the model gives without knowing any feature. */
  baseValue: number;
  /** One a feature, in the unit of the value explained. */
  shapValues: Float64Array;
}

/** What the shares of an attribution miss of `value`, relative to it (absolute where it is below 1). */
export function additivityGap({ baseValue, shapValues }: Attribution, value: number): number {
  let sum = baseValue;
  for (const share of shapValues) sum += share;
  return Math.abs(sum - value) / Math.max(Math.abs(value), 1);
}

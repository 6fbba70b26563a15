/**
 * What a shadow release and the one that serves said of the same vectors. Fields of `shadow:{p}`, beside `release` and
 * `production`, for which they were counted.
 */
export const SHADOW_FIELDS = [
  'vectors',
  /** Alarms of the shadow, of production, and vectors on which the two differ. */
  'alarms',
  'productionAlarms',
  'disagreements',
  /** Time of scoring. */
  'shadowMicroseconds',
  'productionMicroseconds',
  /** Vectors that the shadow could not score. */
  'failures',
] as const;
export type ShadowCounts = Record<(typeof SHADOW_FIELDS)[number], number>;

export const noShadowCounts = (): ShadowCounts =>
  Object.fromEntries(SHADOW_FIELDS.map((field) => [field, 0])) as ShadowCounts;

/** How the release that serves does beside its predictions. Fields of `serving:{p}:RELEASE`. */
export const SERVING_FIELDS = [
  /** Batches of vectors that it could not score. */
  'failedRuns',
  /** Anomalies that were explained, and those whose explanation failed. */
  'explained',
  'unexplained',
] as const;
export type ServingField = (typeof SERVING_FIELDS)[number];
export type ServingCounts = Record<ServingField, number>;

export const noServingCounts = (): ServingCounts =>
  Object.fromEntries(SERVING_FIELDS.map((field) => [field, 0])) as ServingCounts;

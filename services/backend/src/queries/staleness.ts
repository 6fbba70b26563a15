import type { PredictionRecord } from '@liminal/shared/contracts/prediction-batch';

/** Whether a prediction is past its time to live and must not be served as fresh. `now` in ms since the epoch. */
export const isStale = ({ scoredAt }: Pick<PredictionRecord, 'scoredAt'>, now: number, ttlSeconds: number): boolean =>
  now - scoredAt > ttlSeconds * 1000;

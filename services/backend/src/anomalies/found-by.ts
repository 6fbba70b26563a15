import type { ModelName } from '@liminal/shared/contracts/prediction';
import type { PredictionRecord } from '@liminal/shared/contracts/prediction-batch';

/**
 * The models to which an anomaly is owed: those with the smallest p-value, which the combined one is made of
 * (docs/decisions/0008). More than one where they agree to the last rank.
 */
export function foundBy({ scores }: Pick<PredictionRecord, 'scores'>): ModelName[] {
  const entries = Object.entries(scores) as [ModelName, { pValue: number }][];
  const smallest = Math.min(...entries.map(([, { pValue }]) => pValue));
  return entries.filter(([, { pValue }]) => pValue === smallest).map(([model]) => model);
}

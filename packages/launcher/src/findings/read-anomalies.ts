import { anomalySchema, type Prediction, predictionSchema } from '@liminal/shared/contracts/prediction';
import { z } from 'zod';
import { ask } from '../session/api.ts';
import type { FoundAnomaly } from './findings.ts';

const pageSchema = z.object({ anomalies: z.array(anomalySchema), next: z.string().nullable() });

const newestSchema = z.object({ predictions: z.array(predictionSchema) });

/** A prediction as the findings need it. */
export type ReadPrediction = Prediction & FoundAnomaly;

const PAGE = 500;
const MOST_PAGES = 100;

const NEWEST = 200;

const withScore = (prediction: Prediction): ReadPrediction => {
  return { ...prediction, score: Math.max(...Object.values(prediction.scores).map((model) => model.score)) };
};

/** The newest predictions, whether they raised an alarm or not. */
export async function readNewestPredictions(predictor: string): Promise<ReadPrediction[]> {
  const { predictions } = await ask(`${predictor}/predict?limit=${NEWEST}`, newestSchema);
  return predictions.map(withScore);
}

/** Every anomaly that was scored since a moment (ms since the epoch), newest first. */
export async function readAnomalies(backend: string, scoredSinceMs: number): Promise<ReadPrediction[]> {
  const found: ReadPrediction[] = [];
  let cursor = '';
  for (let page = 0; page < MOST_PAGES; page++) {
    const { anomalies, next } = await ask(`${backend}/ml/anomalies?entity=user&limit=${PAGE}${cursor}`, pageSchema);
    const recent = anomalies.filter(({ scoredAt }) => scoredAt >= scoredSinceMs);
    found.push(...recent.map(withScore));
    if (next === null || (anomalies.length > 0 && recent.length === 0)) break;
    cursor = `&cursor=${next}`;
  }
  return found;
}

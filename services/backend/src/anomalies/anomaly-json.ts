import type { AnomalyEntry } from '@liminal/shared/contracts/anomaly-entry';
import {
  type Language,
  storedExplanationSchema,
  toStoredExplanation,
  UNEXPLAINED_REASONS,
} from '@liminal/shared/contracts/explanation';
import { anomalySchema, modelNameSchema } from '@liminal/shared/contracts/prediction';
import { toAnomaly } from '@liminal/shared/contracts/prediction-batch';
import { seriesAnomalySchema, toSeriesAnomaly } from '@liminal/shared/contracts/series-anomaly';
import { VERDICTS } from '@liminal/shared/contracts/verdict';
import { z } from 'zod';
import { foundBy } from './found-by.ts';

const userAnomalySchema = anomalySchema.extend({
  ip: z.string().nullable().describe('Of the event with which the vector was taken; null where that has none'),
  foundBy: z.array(modelNameSchema).describe('The models with the smallest p-value'),
  summary: z.string().nullable().describe('What is unusual, in one sentence'),
  explanation: storedExplanationSchema.nullable(),
  unexplained: z
    .enum(UNEXPLAINED_REASONS)
    .nullable()
    .describe('Why there is no explanation: POST /explain of the predictor gives one at any time'),
  traceId: z.string().optional().describe('Of the traced call that brought it about; most calls are not traced'),
});

/** An anomaly by itself, as the stream gives it at once. */
export const anomalyItemSchema = z.discriminatedUnion('entity', [userAnomalySchema, seriesAnomalySchema]);
type AnomalyItem = z.infer<typeof anomalyItemSchema>;

const sinceThen = {
  stale: z.boolean().describe('Older than the time to live: history, not the present'),
  verdict: z.enum(VERDICTS).nullable().describe('The last verdict; null = nobody has judged it'),
};

/** An anomaly with what has become of it. */
export const listedAnomalySchema = z.discriminatedUnion('entity', [
  userAnomalySchema.extend(sinceThen),
  seriesAnomalySchema.extend(sinceThen),
]);

export function toItem(anomaly: AnomalyEntry, lang: Language): AnomalyItem {
  if (anomaly.entity === 'series') return toSeriesAnomaly(anomaly.record);
  const { record, explanation, traceId } = anomaly;
  const traced = traceId === undefined ? {} : { traceId };
  const item = { ...toAnomaly(record), ip: record.ip ?? null, foundBy: foundBy(record), ...traced };
  if (typeof explanation === 'string') return { ...item, summary: null, explanation: null, unexplained: explanation };
  const { summaries } = explanation;
  return { ...item, summary: summaries[lang], explanation: toStoredExplanation(explanation), unexplained: null };
}

import { z } from 'zod';
import { modelNameSchema } from './prediction.ts';
import { MAX_VECTORS_PER_CALL, vectorSchema } from './vector-body.ts';

/** Options of a model by name; what there is of each model kenning's API tells. */
export const trainingModelOptionsSchema = z.record(z.string(), z.union([z.number(), z.string(), z.boolean()]));
export type TrainingModelOptions = z.infer<typeof trainingModelOptionsSchema>;

/** Options by model, in place of the model's defaults. */
export const trainingOptionsSchema = z.partialRecord(modelNameSchema, trainingModelOptionsSchema);
export type TrainingOptions = z.infer<typeof trainingOptionsSchema>;

export const tuningCriterionSchema = z
  .enum(['excess-mass', 'average-precision'])
  .describe('What configurations are ordered by: excess-mass without labels, average-precision with labels');

/** A configuration that was tried, as far as it got. */
export const rankedConfigurationSchema = z.object({
  options: trainingModelOptionsSchema,
  isDefault: z.boolean().describe('What is trained when nothing is said'),
  rungs: z.int().min(1).describe('Rounds of successive halving that it took part in'),
  resourceShare: z.number().describe('Share of the resource that it had in its last round, in (0, 1]'),
  trainingRows: z.int().describe('Rows that it was fitted on in its last round'),
  criteria: z
    .record(z.string(), z.number())
    .describe('excessMass (higher is better) and massVolume (lower is better), or averagePrecision and auroc'),
});

export const modelTuningSchema = z.object({
  model: modelNameSchema,
  criterion: tuningCriterionSchema,
  resource: z.enum(['training-rows', 'steps']).describe('What successive halving gives more of'),
  isWholeSpace: z.boolean().describe('The space has fewer configurations than asked for, and all of them were tried'),
  ranking: z.array(rankedConfigurationSchema).describe('Best first: by rounds, then by the criterion'),
  options: trainingModelOptionsSchema.describe('The best ones'),
});
export type ModelTuning = z.infer<typeof modelTuningSchema>;

/** What somebody found out about an archived row: that of a user with this number or event time. */
export const rowLabelSchema = z
  .strictObject({
    user: z.string().min(1).max(256),
    seq: z.int().min(0).optional().describe('Number of the vector among the vectors of the user'),
    ts: z.int().min(0).optional().describe('Event time of the vector, ms since the epoch'),
    anomaly: z.boolean(),
  })
  .refine(({ seq, ts }) => (seq === undefined) !== (ts === undefined), 'takes either seq or ts');
export type RowLabel = z.infer<typeof rowLabelSchema>;

export const labelledVectorSchema = z.strictObject({ features: vectorSchema, anomaly: z.boolean() });
export type LabelledVector = z.infer<typeof labelledVectorSchema>;

/** Labels of archived rows, and rows that bring their label along. */
export const labelSourceShape = {
  labels: z.array(rowLabelSchema).max(10_000).default([]).describe('Labels of archived rows'),
  labelledRows: z.array(labelledVectorSchema).max(MAX_VECTORS_PER_CALL).default([]).describe('Rows with their labels'),
} as const;

export interface LabelSource {
  labels: RowLabel[];
  labelledRows: LabelledVector[];
}

/** Whether there are no labels, or some of each kind: a ranking of one kind alone can't be judged. */
export function hasBothKindsOrNone(source: LabelSource): boolean {
  return (source.labels.length === 0 && source.labelledRows.length === 0) || hasBothKinds(source);
}
export const BOTH_KINDS_MESSAGE = 'labels need at least one anomaly and one normal row';

export function hasBothKinds({ labels, labelledRows }: LabelSource): boolean {
  const all = [...labels, ...labelledRows];
  return all.some(({ anomaly }) => anomaly) && all.some(({ anomaly }) => !anomaly);
}

import { z } from 'zod';
import { modelNameSchema } from './prediction.ts';
import { releaseIdSchema } from './release.ts';

/** `o-` time of creation in UTC `-` first 8 hex digits of the SHA-256 of its content: sorts by time. */
export const reportIdSchema = z
  .string()
  .regex(/^o-\d{8}T\d{6}-[0-9a-f]{8}$/, 'must be a report id, as in o-20261123T100000-0f3c9a1e');

export const VARIANT_KINDS = [
  'original',
  'graph-basic',
  'graph-extended',
  'int8-weights',
  'int8-static',
  'float16-weights',
] as const;
export const variantKindSchema = z.enum(VARIANT_KINDS);
export type VariantKind = z.infer<typeof variantKindSchema>;

/** Where things lie in the model store. */
export const reportKeys = {
  prefix: 'reports/',
  json: (id: string) => `reports/${id}/report.json`,
  html: (id: string) => `reports/${id}/report.html`,
  variant: (id: string, model: string, kind: VariantKind) => `reports/${id}/${model}/${kind}.onnx`,
} as const;

const milliseconds = z.number().min(0);

/** How long a run of one batch takes, over repeated runs that took turns with those of the other variants. */
export const latencySchema = z.object({
  batchRows: z.int().min(1),
  runs: z.int().min(1),
  medianMs: milliseconds,
  p99Ms: milliseconds,
});
export type Latency = z.infer<typeof latencySchema>;

/** Against the original, over the compared rows. */
export const scoreDifferenceSchema = z.object({
  maxAbsolute: z.number(),
  meanAbsolute: z.number(),
  rankCorrelation: z.number().nullable().describe("Spearman's; null where the scores of one side don't vary"),
  changedAlarms: z.array(
    z.object({
      alarmRate: z.number(),
      changedShare: z.number().describe('Share of the rows that alarm in one of the two only'),
    }),
  ),
});
export type ScoreDifference = z.infer<typeof scoreDifferenceSchema>;

export const variantReportSchema = z.object({
  kind: variantKindSchema,
  sizeBytes: z.int(),
  file: z.string().nullable().describe('Key in the model store; null for the original, which lies with its release'),
  nonStandardOperators: z
    .array(z.string())
    .describe(
      'Where there are any, only this version of ONNX Runtime is sure to run the file, and no release takes it',
    ),
  latencies: z.array(latencySchema),
  difference: scoreDifferenceSchema.nullable().describe('null for the original'),
  auroc: z.number().nullable().describe('null without labels'),
});
export type VariantReport = z.infer<typeof variantReportSchema>;

export const modelReportSchema = z.object({
  model: modelNameSchema,
  version: z.string(),
  variants: z.array(variantReportSchema).describe('The original first'),
});
export type ModelReport = z.infer<typeof modelReportSchema>;

export const optimisationReportSchema = z.object({
  id: reportIdSchema,
  createdAt: z.iso.datetime(),
  release: releaseIdSchema,
  rows: z.object({
    source: z
      .enum(['archive', 'background'])
      .describe('background: rows of the release, as there are too few archived'),
    compared: z.int(),
    calibration: z.int().describe('Background rows that the ranges of static quantisation come from'),
    labelled: z.int(),
    labelsNotFound: z.int(),
  }),
  environment: z.object({
    node: z.string(),
    onnxruntime: z.string(),
    platform: z.string(),
    cpu: z.string(),
    threads: z.int().describe('Threads that a run may use'),
  }),
  seconds: z.number(),
  models: z.array(modelReportSchema),
});
export type OptimisationReport = z.infer<typeof optimisationReportSchema>;

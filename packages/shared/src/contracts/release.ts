import { z } from 'zod';
import { FEATURE_COUNT, FEATURE_NAMES, FEATURE_SCHEMA_VERSION, VECTOR_LENGTH } from './feature-vector.ts';
import { MODEL_INPUT_LENGTH } from './model-input.ts';
import { modelNameSchema } from './prediction.ts';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 in lower-case hex');
const count = z.int().min(0);
const finite = z.number();
const timestamp = z.iso.datetime();

/** `r-` time of creation in UTC `-` first 8 hex digits of the SHA-256 of its content: sorts by time. */
export const releaseIdSchema = z
  .string()
  .regex(/^r-\d{8}T\d{6}-[0-9a-f]{8}$/, 'must be a release id, as in r-20261123T100000-0f3c9a1e');
export type ReleaseId = z.infer<typeof releaseIdSchema>;

/** First 16 hex digits of the SHA-256 of the file: the same bytes have the same version. */
export const modelVersionSchema = z.string().regex(/^[0-9a-f]{16}$/, 'must be a model version: 16 hex digits');
export const modelVersionOf = (sha256OfFile: string): string => sha256OfFile.slice(0, 16);

/** Where things lie in the model store. Nothing else in the code spells these keys. */
export const releaseKeys = {
  prefix: 'releases/',
  modelFile: (model: string, version: string) => `models/${model}/${version}/model.onnx`,
  /** Rows for SHAP, named by their content like a model. */
  backgroundFile: (sha256OfFile: string) => `background/${modelVersionOf(sha256OfFile)}/rows.f32`,
  /** Rows that drift is measured against. */
  referenceFile: (sha256OfFile: string) => `references/${modelVersionOf(sha256OfFile)}/rows.f32`,
  /** What came of the comparison of a release with the one that served. */
  gateReport: (challenger: string) => `gates/${challenger}.json`,
  combinationFile: (sha256OfFile: string) => `combinations/${modelVersionOf(sha256OfFile)}/calibration.bin`,
  manifest: (id: string) => `releases/${id}/release.json`,
  signature: (id: string) => `releases/${id}/release.sig`,
  pointer: (name: PointerName) => `releases/${name}.json`,
  history: 'releases/history.ndjson',
} as const;

/** Which vectors a model has something to say about; the combination leaves it out for the others. */
export const APPLICABILITIES = ['every-vector', 'complete-input'] as const;

/** One model of a release. Its file takes raw float32 rows with NaN and gives a score and p-values. */
export const releasedModelSchema = z
  .strictObject({
    name: modelNameSchema,
    version: modelVersionSchema,
    file: z.string().describe('Key of the ONNX file in the model store'),
    sha256,
    sizeBytes: count,
    input: z
      .strictObject({
        name: z.string().min(1).describe('Name of the ONNX input, shape [rows, length]'),
        offset: count.describe('First of the values that the model takes: features, load history, minute of the day'),
        length: z.int().min(1).describe('How many values it takes'),
      })
      .refine(({ offset, length }) => offset + length <= MODEL_INPUT_LENGTH, 'reaches beyond what models are given'),
    appliesTo: z
      .enum(APPLICABILITIES)
      .default('every-vector')
      .describe('complete-input: only vectors whose values for this model were all observed'),
    outputs: z.strictObject({
      score: z.string().min(1).describe('Name of the ONNX output; higher = more anomalous'),
      pValue: z.string().min(1).describe('Name of the ONNX output: split-conformal, a multiple of 1/(n + 1)'),
      tailPValue: z
        .string()
        .min(1)
        .optional()
        .describe('Name of the ONNX output: the same, but below 1/(n + 1) beyond the calibration scores, for ranking'),
      extra: z
        .array(
          z.strictObject({
            name: z.string().min(1).describe('Name of the ONNX output, shape [rows, columns]'),
            columns: z.int().min(1),
          }),
        )
        .optional()
        .describe('What else the file gives, such as reconstruction_error: one error for each value of the input'),
      forecast: z
        .strictObject({ load: z.string().min(1), lower: z.string().min(1), upper: z.string().min(1) })
        .optional()
        .describe('Names of the ONNX outputs of a model that forecasts the load: requests in the minute of the vector'),
    }),
    params: z.record(z.string(), z.union([finite, z.string(), z.boolean()])),
    metrics: z.record(z.string(), finite),
    seed: z.int().min(0).max(0xffffffff),
  })
  .refine(({ version, sha256: hash }) => version === modelVersionOf(hash), 'version does not belong to sha256')
  .refine(({ name, version, file }) => file === releaseKeys.modelFile(name, version), 'file is not where models lie');
export type ReleasedModel = z.infer<typeof releasedModelSchema>;

/** How the models become one p-value: `single`, the p-value of a model; `minimum-p`, see `CombinedCalibration`. */
export const combinationSchema = z.discriminatedUnion('method', [
  z.strictObject({ method: z.literal('single'), model: modelNameSchema }),
  z
    .strictObject({
      method: z.literal('minimum-p'),
      models: z.array(modelNameSchema).min(1).max(31).describe('In the order of the file'),
      rows: count.describe('Calibration rows in the file'),
      file: z.string().describe('Key of the calibration in the model store'),
      sha256,
      sizeBytes: count,
    })
    .refine(({ file, sha256: hash }) => file === releaseKeys.combinationFile(hash), 'file is not where it belongs')
    .refine(({ models }) => new Set(models).size === models.length, 'combines a model twice'),
]);

/** How the training rows were distributed, for drift tests. */
export const referenceProfileSchema = z
  .strictObject({
    rows: count,
    probabilities: z.array(z.number().min(0).max(1)).min(2).describe('Of the quantiles, ascending'),
    features: z
      .array(
        z.strictObject({
          feature: z.enum(FEATURE_NAMES),
          quantiles: z.array(finite).nullable().describe('One for each probability; null when never observed'),
          missingRate: z.number().min(0).max(1),
        }),
      )
      .length(FEATURE_COUNT),
  })
  .refine(
    ({ features }) => features.every(({ feature }, index) => feature === FEATURE_NAMES[index]),
    'features are not in the order of the feature schema',
  )
  .refine(
    ({ probabilities, features }) =>
      features.every(({ quantiles }) => quantiles === null || quantiles.length === probabilities.length),
    'every feature needs one quantile for each probability',
  );
export type ReferenceProfile = z.infer<typeof referenceProfileSchema>;

/** Training rows, the most typical first: row-major little-endian float32, NaN = not observed. */
export const backgroundSchema = z
  .strictObject({
    file: z.string().describe('Key in the model store'),
    sha256,
    rows: count,
    columns: z.int().min(1).max(VECTOR_LENGTH),
  })
  .refine(({ file, sha256: hash }) => file === releaseKeys.backgroundFile(hash), 'file is not where it belongs');

/**
 * Training rows of different users, each row of the training with the same chance: a sample without the resemblance of a
 * user's rows. Row-major little-endian float32 [rows, 7], NaN = not observed.
 */
export const referenceSchema = z
  .strictObject({ file: z.string().describe('Key in the model store'), sha256, rows: count })
  .refine(({ file, sha256: hash }) => file === releaseKeys.referenceFile(hash), 'file is not where it belongs');

/** The hash, the number and the origin of the rows that the models were trained on. */
export const trainingDataSchema = z.strictObject({
  rows: count,
  users: count,
  fromTs: count.describe('Event time of the oldest row, ms since the epoch'),
  toTs: count.describe('Event time of the newest row'),
  longestIntervalMs: z
    .number()
    .min(0)
    .optional()
    .describe(
      'Longer intervals than these rows can tell of count as this one; absent in older releases, which take them as they are',
    ),
  sha256,
});

/** Everything that a release is. Signed as a whole; never changes. */
export const releaseManifestSchema = z
  .strictObject({
    id: releaseIdSchema,
    createdAt: timestamp,
    provisional: z.boolean().describe('The factory release, which has not seen this platform yet'),
    featureSchemaVersion: z.literal(FEATURE_SCHEMA_VERSION),
    models: z.array(releasedModelSchema).min(1),
    leftOut: z
      .array(z.strictObject({ name: modelNameSchema, reason: z.string() }))
      .default([])
      .describe('Models that could not be trained on these rows'),
    combination: combinationSchema,
    calibration: z.strictObject({
      method: z.literal('split-conformal'),
      rows: count,
      independentRows: z
        .number()
        .min(0)
        .optional()
        .describe('How many independent rows they are worth: rows of one user resemble each other'),
    }),
    referenceProfile: referenceProfileSchema,
    reference: referenceSchema.optional().describe('Absent in releases from before drift was measured'),
    background: backgroundSchema,
    trainingData: trainingDataSchema,
    libraries: z.record(z.string(), z.string()).describe('Versions of what built it: node, onnxruntime, …'),
  })
  .refine(({ models }) => new Set(models.map(({ name }) => name)).size === models.length, 'has a model twice')
  .refine(
    ({ models }) => models.filter(({ outputs }) => outputs.forecast !== undefined).length <= 1,
    'has two models that forecast the load',
  )
  .refine(({ models, combination }) => {
    const combined = combination.method === 'single' ? [combination.model] : combination.models;
    return combined.every((name) => models.some((model) => model.name === name));
  }, 'combines a model that it does not hold');
export type ReleaseManifest = z.infer<typeof releaseManifestSchema>;

export const POINTER_NAMES = ['production', 'shadow'] as const;
export type PointerName = (typeof POINTER_NAMES)[number];

export const releaseActionSchema = z.enum(['promote', 'rollback', 'shadow']);
export type ReleaseAction = z.infer<typeof releaseActionSchema>;

/** Which release a pointer shows, and the move that made it so: the history can be completed from it. */
export const pointerSchema = z.strictObject({
  release: releaseIdSchema,
  since: timestamp,
  action: releaseActionSchema,
  previous: releaseIdSchema.nullable().describe('What it showed before'),
  reason: z.string().min(1).max(1000),
  by: z.string().min(1).max(200).describe('Who or what moved it'),
});
export type ReleasePointer = z.infer<typeof pointerSchema>;

/** A line of `releases/history.ndjson`: what served when, and why. */
export const historyEntrySchema = z.strictObject({
  at: timestamp,
  pointer: z.enum(POINTER_NAMES),
  action: releaseActionSchema,
  release: releaseIdSchema,
  previous: releaseIdSchema.nullable(),
  reason: z.string(),
  by: z.string(),
});
export type HistoryEntry = z.infer<typeof historyEntrySchema>;

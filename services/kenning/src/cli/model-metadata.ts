import { z } from 'zod';
import type { TrainedModel } from '../pipelines/trained-model.ts';
import { libraryVersions } from '../training/library-versions.ts';
import { ModelFileError } from './model-file-error.ts';

/** What a model file says of its training, beside the graph. */
export interface TrainingFacts {
  /** Names of the columns of `features`, in their order. */
  columns: readonly string[];
  /** Left out of the fit, if one was named. */
  labelColumn: string | undefined;
  excludedColumns: readonly string[];
  /** As the training was given it; each model draws by one of its own that follows from it. */
  seed: number;
  calibrationShare: number;
  rows: { total: number; training: number; calibration: number };
  /** Of names and values of the rows that were trained on. */
  dataSha256: string;
}

const VERSION = '1';
const KEY = {
  version: 'kenning.metadata_version',
  createdBy: 'kenning.created_by',
  model: 'kenning.model',
  columns: 'kenning.columns',
  labelColumn: 'kenning.label_column',
  excludedColumns: 'kenning.excluded_columns',
  params: 'kenning.params',
  seed: 'kenning.seed',
  calibrationShare: 'kenning.calibration_share',
  rows: 'kenning.rows',
  dataSha256: 'kenning.training_data_sha256',
  libraries: 'kenning.libraries',
} as const;

/** As texts for `metadata_props`. Nothing in them varies between two trainings that are the same. */
export function metadataEntries({ name, params }: TrainedModel, facts: TrainingFacts): Record<string, string> {
  const { kenning, ...libraries } = libraryVersions();
  return {
    [KEY.version]: VERSION,
    [KEY.createdBy]: `kenning ${kenning}`,
    [KEY.model]: name,
    [KEY.columns]: JSON.stringify(facts.columns),
    ...(facts.labelColumn !== undefined && { [KEY.labelColumn]: facts.labelColumn }),
    [KEY.excludedColumns]: JSON.stringify(facts.excludedColumns),
    [KEY.params]: JSON.stringify(params),
    [KEY.seed]: String(facts.seed),
    [KEY.calibrationShare]: String(facts.calibrationShare),
    [KEY.rows]: JSON.stringify(facts.rows),
    [KEY.dataSha256]: facts.dataSha256,
    [KEY.libraries]: JSON.stringify(libraries),
  };
}

const json = z.string().transform((text, context) => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    context.addIssue('is no JSON');
    return z.NEVER;
  }
});
const names = json.pipe(z.array(z.string()));
const schema = z.object({
  [KEY.version]: z.literal(VERSION),
  [KEY.model]: z.string(),
  [KEY.columns]: names,
  [KEY.labelColumn]: z.string().optional(),
  [KEY.excludedColumns]: names,
  [KEY.seed]: z.coerce.number(),
  [KEY.calibrationShare]: z.coerce.number(),
  [KEY.rows]: json.pipe(z.object({ total: z.int(), training: z.int(), calibration: z.int() })),
  [KEY.dataSha256]: z.string(),
});

/** Throws `ModelFileError` where the file was not made by `kenning train`. */
export function trainingFacts(path: string, metadata: Record<string, string>): TrainingFacts & { model: string } {
  const parsed = schema.safeParse(metadata);
  if (!parsed.success) {
    throw new ModelFileError(`${path} does not say which columns it takes; give a file that kenning train has made`);
  }
  const facts = parsed.data;
  return {
    model: facts[KEY.model],
    columns: facts[KEY.columns],
    labelColumn: facts[KEY.labelColumn],
    excludedColumns: facts[KEY.excludedColumns],
    seed: facts[KEY.seed],
    calibrationShare: facts[KEY.calibrationShare],
    rows: facts[KEY.rows],
    dataSha256: facts[KEY.dataSha256],
  };
}

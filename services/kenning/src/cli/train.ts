import { join } from 'node:path';
import { createProgress } from '@liminal/shared/runtime/progress';
import { UsageError } from '@liminal/shared/runtime/usage-error';
import { type Matrix, takeRows } from '../detectors/matrix.ts';
import { withMetadata } from '../onnx/model-metadata.ts';
import { combinationOf, DEFAULT_RELEASE_TRAINING, type TrainedModels } from '../pipelines/train-release-models.ts';
import { chosenModels, type ModelOptions } from '../pipelines/trainable-models.ts';
import type { TrainingProgress } from '../pipelines/trained-model.ts';
import {
  onePath,
  parse,
  required,
  SERIES_TEXT,
  TABLE_OPTIONS,
  TABLE_USAGE,
  type TableArguments,
  tableArguments,
  wholeNumber,
} from './arguments.ts';
import { trainingColumns } from './column-choice.ts';
import type { Command, CommandContext } from './command.ts';
import { encodeEnsemble } from './ensemble-file.ts';
import { metadataEntries, type TrainingFacts } from './model-metadata.ts';
import { ALL_MODELS, modelOptions, optionsText } from './model-options.ts';
import { openTable } from './open-table.ts';
import { seriesFile } from './series/series-file.ts';
import { assertNotGiven, SERIES_OPTIONS, SERIES_OPTIONS_TEXT } from './series/series-options.ts';
import { type SeriesTraining, trainSeries } from './series/train-series.ts';
import { readWhole, TableError, type TableFile } from './table.ts';
import { hashOfRows } from './training-data-hash.ts';
import { writeWhole } from './write-whole.ts';

const DEFAULT_SEED = 1;
const MOST_SEED = 2 ** 32 - 1;
const { calibrationShare: DEFAULT_SHARE, maxCalibrationRows } = DEFAULT_RELEASE_TRAINING;
/** Share of the bar that reading takes. */
const READ_SHARE = 0.2;
const STAGES = ['fit', 'calibrate', 'verify'] as const;

const USAGE = `Usage: kenning train DATA --model MODEL --out FILE [--label COLUMN [--normal-only]] …
       kenning train SERIES --out FILE [--alarms-per-day N] …

Trains a model on the rows of a table and writes it as one ONNX file, which takes raw rows and gives score and p-value.
The same rows, seed and options give the same bytes.

  --model MODEL        one of those below; or all: every one, and their combination, into the directory --out
  --out FILE           where the model goes
  --label COLUMN       a column that says what the rows are; it is left out of the training
  --normal-only        trains on rows whose label is 0 alone                    (on all rows)
  --option NAME=VALUE  of the model; with --model all MODEL.NAME=VALUE; again for more
  --seed N             the same chance                                          (${DEFAULT_SEED})
  --calibration-share S  share of the rows kept out of the fit for p-values     (${DEFAULT_SHARE})
${TABLE_USAGE}
Models, with their options:
${optionsText()}

${SERIES_TEXT}
  --out FILE           where the detector goes that has seen the series, as JSON: kenning score goes on with it
  --alarms-per-day N   the threshold is the smallest that gives no more alarms on the series   (alarmThreshold)
  --interval I         between two rows: 30s, 5m, 1h, 1d                        (median step)
  --counter            the values are readings of a counter: what is judged is its increase, also over a reset
  --option NAME=VALUE  again for more:
${SERIES_OPTIONS_TEXT}

Examples:
  kenning train readings.csv --model isolation-forest --out model.onnx
  kenning train readings.csv.gz --model autoencoder --label y --normal-only --exclude id --out model.onnx
  kenning train readings.parquet --model one-class-svm --option nu=0.1 --seed 7 --out model.onnx
  kenning train readings.csv --model all --out models/
  kenning train requests.csv --alarms-per-day 0.5 --option scale=square-root --out requests.json
`;

const OPTIONS = {
  ...TABLE_OPTIONS,
  ...SERIES_OPTIONS,
  model: { type: 'string' },
  out: { type: 'string' },
  label: { type: 'string' },
  'normal-only': { type: 'boolean' },
  seed: { type: 'string' },
  'calibration-share': { type: 'string' },
  'alarms-per-day': { type: 'string' },
} as const;
type Values = ReturnType<typeof parse<typeof OPTIONS>>['values'];

interface TrainArguments extends TableArguments {
  path: string;
  out: string;
  isEnsemble: boolean;
  models: ModelOptions;
  seed: number;
  calibrationShare: number;
  label: string | undefined;
  normalOnly: boolean;
}

async function train(context: CommandContext): Promise<void> {
  const { values, positionals } = parse(context.args, OPTIONS);
  const path = onePath(positionals, 'file with data');
  const { label } = values;
  const { exclude, format } = tableArguments(values);
  const out = required('--out', values.out);
  // Without a model it can only be a series; with one a fault of it is told before the file is read.
  const models = values.model === undefined ? undefined : tableTraining(path, out, values);
  const table = await openTable(path, format);
  const series = seriesFile(table, { label, exclude });
  if (series !== undefined) await trainSeries(series, seriesTraining(out, values), context);
  else await trainTable(table, models ?? tableTraining(path, out, values), context);
}

function seriesTraining(out: string, values: Values): SeriesTraining {
  assertNotGiven(values, ['model', 'normal-only', 'seed', 'calibration-share'], 'it is a time series');
  const { interval, option, counter, 'alarms-per-day': alarms } = values;
  const settings = { interval, option, counter };
  return { out, settings, alarmsPerDay: alarms === undefined ? undefined : parseAlarms(alarms) };
}

function parseAlarms(text: string): number {
  const alarms = Number(text);
  if (text !== '' && alarms >= 0 && Number.isFinite(alarms)) return alarms;
  throw new UsageError(`--alarms-per-day ${text} is not a number from 0.`);
}

function tableTraining(path: string, out: string, values: Values): TrainArguments {
  const { label, seed, 'normal-only': normalOnly = false, 'calibration-share': share } = values;
  if (normalOnly && label === undefined) throw new UsageError('--normal-only needs --label: see --help.');
  const model = required('--model', values.model);
  assertNotGiven(
    values,
    ['interval', 'counter', 'alarms-per-day'],
    'it is a table, and no time series with timestamp and value',
  );
  return {
    path,
    out,
    isEnsemble: model === ALL_MODELS,
    models: modelOptions(model, values.option ?? []),
    seed: seed === undefined ? DEFAULT_SEED : wholeNumber('--seed', seed, MOST_SEED),
    calibrationShare: share === undefined ? DEFAULT_SHARE : parseShare(share),
    label,
    normalOnly,
    ...tableArguments(values),
  };
}

function parseShare(text: string): number {
  const share = Number(text);
  if (text !== '' && share > 0 && share < 1) return share;
  throw new UsageError(`--calibration-share ${text} does not lie between 0 and 1.`);
}

async function trainTable(
  table: TableFile,
  options: TrainArguments,
  { signal, stderr, trainModels }: CommandContext,
): Promise<void> {
  const columns = trainingColumns(table, options);
  const bar = createProgress({ label: 'train', total: 1, stream: stderr });
  try {
    const choice = { features: columns, label: options.normalOnly ? options.label : undefined };
    const read = await readWhole(table, choice, {
      signal,
      onProgress: (share) => bar.update(READ_SHARE * share, 'reads rows'),
    });
    const rows = options.normalOnly ? normalRows(read.rows, read.labels) : read.rows;
    if (rows.rows === 0) throw new TableError(`${options.path} has no rows to train on`);
    const { models, calibrationShare, seed } = options;
    const names = chosenModels(models).map(({ model }) => model.name as string);
    const trained = await trainModels(
      { rows, options: { calibrationShare, maxCalibrationRows, models }, seed },
      { signal, onProgress: (progress) => bar.update(...barPosition(progress, names)) },
    ).catch((error: unknown) => {
      // The rows are checked by now, so what is out of range is an option of the model.
      if (error instanceof RangeError) throw new UsageError(`--option: ${error.message}.`, { cause: error });
      throw error;
    });
    const facts: TrainingFacts = {
      columns,
      labelColumn: options.label,
      excludedColumns: options.exclude,
      seed,
      calibrationShare,
      rows: trained.rows,
      dataSha256: hashOfRows(columns, rows),
    };
    await writeModels(options, trained, facts);
    bar.stop();
    stderr.write(summary(options, trained, columns.length));
  } finally {
    bar.stop();
  }
}

function barPosition({ model, stage, share }: TrainingProgress, names: readonly string[]): [number, string] {
  const ofModel = (STAGES.indexOf(stage) + share) / STAGES.length;
  const done = (names.indexOf(model) + ofModel) / names.length;
  return [READ_SHARE + (1 - READ_SHARE) * done, `${model}: ${stage}`];
}

function normalRows(rows: Matrix, labels: Uint8Array): Matrix {
  return takeRows(
    rows,
    Int32Array.from(labels.keys()).filter((row) => labels[row] === 0),
  );
}

async function writeModels({ out, isEnsemble }: TrainArguments, trained: TrainedModels, facts: TrainingFacts) {
  const files = trained.models.map((model) => ({
    name: model.name,
    bytes: withMetadata(model.onnx, metadataEntries(model, facts)),
  }));
  if (!isEnsemble) return writeWhole(out, files[0]!.bytes);
  for (const { name, bytes } of encodeEnsemble(files, combinationOf(trained.models))) {
    await writeWhole(join(out, name), bytes);
  }
}

function summary({ out }: TrainArguments, { models, rows }: TrainedModels, columns: number): string {
  const smallest = models[0]!.calibration.smallestPValue;
  const lines = [
    `${out}: ${models.map(({ name }) => name).join(', ')}; ${columns} columns, ` +
      `${rows.training} rows to fit, ${rows.calibration} to calibrate`,
  ];
  if (smallest > 0.01) {
    const least = smallest.toPrecision(2);
    lines.push(`So few calibration rows give no p-value below ${least}, so alarms at 0.01 are out of reach.`);
  }
  return lines.map((line) => line + '\n').join('');
}

export const trainCommand: Command = {
  summary: 'trains a model and writes it as ONNX; of a time series, a detector',
  usage: USAGE,
  run: train,
};

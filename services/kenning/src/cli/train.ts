import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { OutputError } from '@liminal/shared/runtime/output-error';
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
  TABLE_OPTIONS,
  TABLE_USAGE,
  type TableArguments,
  tableArguments,
  wholeNumber,
} from './arguments.ts';
import { trainingColumns } from './column-choice.ts';
import type { Command, CommandContext } from './command.ts';
import { encodeEnsemble, type NamedFile } from './ensemble-file.ts';
import { metadataEntries, type TrainingFacts } from './model-metadata.ts';
import { ALL_MODELS, modelOptions, optionsText } from './model-options.ts';
import { openTable } from './open-table.ts';
import { readWhole, TableError } from './table.ts';
import { partialPath } from './table-output.ts';
import { hashOfRows } from './training-data-hash.ts';

const DEFAULT_SEED = 1;
const MOST_SEED = 2 ** 32 - 1;
const { calibrationShare: DEFAULT_SHARE, maxCalibrationRows } = DEFAULT_RELEASE_TRAINING;
/** Share of the bar that reading takes. */
const READ_SHARE = 0.2;
const STAGES = ['fit', 'calibrate', 'verify'] as const;

const USAGE = `Usage: kenning train DATA --model MODEL --out FILE [--label COLUMN [--normal-only]] …

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

Examples:
  kenning train readings.csv --model isolation-forest --out model.onnx
  kenning train readings.csv.gz --model autoencoder --label y --normal-only --exclude id --out model.onnx
  kenning train readings.parquet --model one-class-svm --option nu=0.1 --seed 7 --out model.onnx
  kenning train readings.csv --model all --out models/
`;

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

function parseArguments(args: readonly string[]): TrainArguments {
  const { values, positionals } = parse(args, {
    ...TABLE_OPTIONS,
    model: { type: 'string' },
    out: { type: 'string' },
    label: { type: 'string' },
    'normal-only': { type: 'boolean' },
    option: { type: 'string', multiple: true },
    seed: { type: 'string' },
    'calibration-share': { type: 'string' },
  });
  const { label, seed, 'normal-only': normalOnly = false, 'calibration-share': share } = values;
  if (normalOnly && label === undefined) throw new UsageError('--normal-only needs --label: see --help.');
  const model = required('--model', values.model);
  return {
    path: onePath(positionals, 'file with data'),
    out: required('--out', values.out),
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

async function train({ args, signal, stderr, trainModels }: CommandContext): Promise<void> {
  const options = parseArguments(args);
  const table = await openTable(options.path, options.format);
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

/** Throws `OutputError`. The file is there whole or not at all. */
async function writeWhole(path: string, bytes: NamedFile['bytes']): Promise<void> {
  const partial = partialPath(path);
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(partial, bytes);
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    throw new OutputError(path, error);
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

export const trainCommand: Command = { summary: 'trains a model and writes it as ONNX', usage: USAGE, run: train };

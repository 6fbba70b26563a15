import type { JobProgress, TrainReleaseResult } from '@liminal/shared/contracts/jobs';
import type { ModelName } from '@liminal/shared/contracts/prediction';
import type { ReleaseManifest } from '@liminal/shared/contracts/release';
import { createMatrix } from '../detectors/matrix.ts';
import { FEATURES_INPUT, P_VALUE_OUTPUT, SCORE_OUTPUT, TAIL_P_VALUE_OUTPUT } from '../onnx/detector-model.ts';
import { nonStandardOperators, parseModel } from '../onnx/model-rewrite.ts';
import { PROFILE_QUANTILES } from '../pipelines/reference-profile.ts';
import { RELEASE_ROW_LENGTH } from '../pipelines/release-rows.ts';
import type { TrainingRows } from '../pipelines/split-rows.ts';
import { trainInProcess } from '../pipelines/train-in-process.ts';
import {
  combinationOf,
  DEFAULT_RELEASE_TRAINING,
  type ReleaseModelOptions,
  type TrainedRelease,
} from '../pipelines/train-release-models.ts';
import { chosenModels } from '../pipelines/trainable-models.ts';
import type { TrainedModel } from '../pipelines/trained-model.ts';
import { OnnxParityError } from '../pipelines/training-errors.ts';
import type { DraftModel, ReleaseDraft } from '../registry/publish-release.ts';
import type { ReleaseRegistry } from '../registry/release-registry.ts';
import { libraryVersions } from './library-versions.ts';
import { type GatheredRows, type RowsRequest, rowsInProcess } from './rows-in-process.ts';

export interface TrainReleaseRequest {
  rows: RowsRequest;
  provisional: boolean;
  promote: boolean;
  /** From the rows' hash unless given: the same rows then give the same files. */
  seed: number | undefined;
  reason: string;
  by: string;
  /** The models and their options; every model with its defaults unless given. */
  models?: ReleaseModelOptions | undefined;
}

export interface TrainReleaseContext {
  registry: ReleaseRegistry;
  signal: AbortSignal;
  onProgress(progress: JobProgress): void;
  warn(fields: object, message: string): void;
}

/** Shares of a training's time, as measured on 100,000 rows. */
const READ_SHARE = 0.3;
const TRAIN_SHARE = 0.6;

/** The whole way from rows to a published, and if asked serving, release. */
export async function trainRelease(
  request: TrainReleaseRequest,
  { registry, signal, onProgress, warn }: TrainReleaseContext,
): Promise<TrainReleaseResult> {
  onProgress({ stage: 'gather rows', ratio: 0 });
  const rows = await rowsInProcess(request.rows, { signal, warn });
  const seed = request.seed ?? Number.parseInt(rows.summary.sha256.slice(0, 8), 16);
  const options = { ...DEFAULT_RELEASE_TRAINING, ...(request.models && { models: request.models }) };
  const trained = await trainInProcess(
    { rows: trainingRowsOf(rows), options, seed },
    {
      signal,
      onProgress: ({ model, stage, share }) =>
        onProgress({
          stage: `${stage} ${model}`,
          ratio: READ_SHARE + TRAIN_SHARE * trainingRatio(options.models, model, stage, share),
        }),
    },
  );
  onProgress({ stage: 'publish', ratio: READ_SHARE + TRAIN_SHARE });
  const { id } = await registry.publish(draftOf(trained, rows, request.provisional));
  if (request.promote) await registry.promote(id, request.reason, request.by);
  onProgress({ stage: 'done', ratio: 1 });
  return { release: id, promoted: request.promote, ...(rows.holdOut && { holdOut: rows.holdOut }) };
}

function trainingRowsOf({ values, userNumbers, summary }: GatheredRows): TrainingRows {
  const { longestIntervalMs } = summary;
  return { ...createMatrix(values, RELEASE_ROW_LENGTH), groups: userNumbers, longestIntervalMs };
}

const STAGES = ['fit', 'calibrate', 'verify'] as const;

/** Share of the training of all models that is done, each model and stage counting alike. */
function trainingRatio(
  models: ReleaseModelOptions,
  model: ModelName,
  stage: (typeof STAGES)[number],
  share: number,
): number {
  const names: ModelName[] = chosenModels(models).map((chosen) => chosen.model.name);
  if (models.lstm !== undefined) names.unshift('lstm');
  return (names.indexOf(model) + (STAGES.indexOf(stage) + share) / STAGES.length) / names.length;
}

export function draftOf(
  trained: TrainedRelease,
  rows: Pick<GatheredRows, 'summary'>,
  provisional: boolean,
): ReleaseDraft {
  return {
    provisional,
    models: trained.models.map(draftModel),
    leftOut: trained.leftOut,
    combination: combinationOf(trained.models),
    calibration: {
      method: 'split-conformal',
      rows: trained.rows.calibration,
      independentRows: trained.independentCalibrationRows,
    },
    referenceRows: trained.referenceRows.values,
    referenceProfile: referenceProfileOf(trained),
    background: { values: trained.backgroundRows.values, columns: trained.backgroundRows.columns },
    trainingData: rows.summary,
    libraries: libraryVersions(),
  };
}

function draftModel(model: TrainedModel): DraftModel {
  const { name, onnx, params, metrics, calibration, seed, forecast } = model;
  const { offset, length, appliesTo } = model.input;
  assertStandardOperators(name, onnx);
  const outputs = { score: SCORE_OUTPUT, pValue: P_VALUE_OUTPUT, tailPValue: TAIL_P_VALUE_OUTPUT };
  const extra = otherOutputs(onnx, [...Object.values(outputs), ...Object.values(forecast ?? {})]);
  return {
    name,
    bytes: onnx,
    input: { name: FEATURES_INPUT, offset, length },
    appliesTo,
    outputs: { ...outputs, ...(forecast && { forecast }), ...(extra.length > 0 && { extra }) },
    params,
    metrics: { ...metrics, calibrationRows: calibration.rows, smallestPValue: calibration.smallestPValue },
    seed,
  };
}

/** The outputs of a file, [rows, columns], whose names are not among those given. */
function otherOutputs(onnx: Uint8Array, names: readonly string[]): { name: string; columns: number }[] {
  const { graph } = parseModel(onnx);
  return graph!.output
    .filter(({ name }) => !names.includes(name))
    .map(({ name, type }) => {
      const shape = type?.value.case === 'tensorType' ? type.value.value.shape : undefined;
      return { name, columns: Number(shape?.dim[1]?.value.value) };
    });
}

/** Releases promise files that any ONNX Runtime serves. */
export function assertStandardOperators(name: ModelName, onnx: Uint8Array): void {
  const operators = nonStandardOperators(onnx);
  if (operators.length === 0) return;
  throw new OnnxParityError(`the ONNX file of ${name} needs ${operators.join(', ')}, which are no standard operators`);
}

function referenceProfileOf({ referenceProfile, rows }: TrainedRelease): ReleaseManifest['referenceProfile'] {
  return { rows: rows.total, probabilities: [...PROFILE_QUANTILES], features: referenceProfile };
}

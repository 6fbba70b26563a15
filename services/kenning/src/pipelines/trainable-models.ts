import { hash32 } from '@liminal/shared/contracts/hash32';
import type { ModelName } from '@liminal/shared/contracts/prediction';
import { autoencoder } from '../detectors/autoencoder.ts';
import type { FitContext } from '../detectors/detector.ts';
import { isolationForest } from '../detectors/isolation-forest.ts';
import type { Matrix } from '../detectors/matrix.ts';
import { nearestNeighbours } from '../detectors/nearest-neighbours.ts';
import { oneClassSvm } from '../detectors/one-class-svm.ts';
import { autoencoderScore } from '../onnx/autoencoder-converter.ts';
import { isolationForestScore } from '../onnx/isolation-forest-converter.ts';
import { nearestNeighboursScore } from '../onnx/nearest-neighbours-converter.ts';
import { oneClassSvmScore } from '../onnx/one-class-svm-converter.ts';
import { type ExportableDetector, rowPreparation, type SplitRows, trainDetector } from './train-detector.ts';
import type { TrainedModel, TrainingContext } from './trained-model.ts';

/** A model that releases can hold. */
export interface TrainableModel<Options extends object> {
  readonly name: ModelName;
  readonly defaultOptions: Options;
  train(split: SplitRows, options: Options, context: TrainingContext): Promise<TrainedModel>;
  /** Fits on raw rows (NaN = not observed), without ONNX and p-values; gives what scores such rows. */
  fitScorer(training: Matrix, options: Options, context: FitContext): Promise<(rows: Matrix) => Float64Array>;
}

function trainable<Options extends object, Fitted>(
  ...[detector, addScore, describe]: [
    detector: ExportableDetector<Options, Fitted>['detector'],
    addScore: ExportableDetector<Options, Fitted>['addScore'],
    describe?: ExportableDetector<Options, Fitted>['describe'],
  ]
): TrainableModel<Options> {
  const { name, defaultOptions } = detector;
  return {
    name,
    defaultOptions,
    train: (split, options, context) => trainDetector({ detector, addScore, describe }, split, options, context),
    async fitScorer(training, options, context) {
      const { prepared } = rowPreparation(detector, training);
      const fitted = await detector.fit(prepared(training), options, context);
      return (rows) => detector.anomalyScores(fitted, prepared(rows));
    },
  };
}

/** Every model that kenning can train, in the order in which releases hold them. A new one joins by one line. */
export const TRAINABLE_MODELS = {
  'isolation-forest': trainable(isolationForest, isolationForestScore),
  'one-class-svm': trainable(oneClassSvm, oneClassSvmScore, ({ kind, gamma }) => ({ kind, fittedGamma: gamma })),
  autoencoder: trainable(autoencoder, autoencoderScore),
  'nearest-neighbours': trainable(nearestNeighbours, nearestNeighboursScore),
} satisfies Partial<Record<ModelName, TrainableModel<object>>>;

type TrainableModels = typeof TRAINABLE_MODELS;

/** Options by model; a release holds the models that are named. */
export type ModelOptions = {
  [Name in keyof TrainableModels]?: TrainableModels[Name] extends TrainableModel<infer Options> ? Options : never;
};

export const DEFAULT_MODEL_OPTIONS: ModelOptions = Object.fromEntries(
  Object.values(TRAINABLE_MODELS).map(({ name, defaultOptions }) => [name, defaultOptions]),
);

/** The models to train, with their options, in their order. */
export function chosenModels(options: ModelOptions): { model: TrainableModel<object>; options: object }[] {
  const chosen: Readonly<Record<string, object | undefined>> = options;
  return Object.values(TRAINABLE_MODELS).flatMap((model: TrainableModel<object>) => {
    const modelOptions = chosen[model.name];
    return modelOptions === undefined ? [] : [{ model, options: modelOptions }];
  });
}

/** Each model's own seed: the same whichever other models are trained with it. */
export const modelSeed = (releaseSeed: number, name: ModelName): number => hash32(`${releaseSeed}/${name}`);

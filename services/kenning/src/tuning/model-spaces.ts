import { FEATURE_COUNT } from '@liminal/shared/contracts/feature-vector';
import type { AutoencoderOptions } from '../detectors/autoencoder.ts';
import type { IsolationForestOptions } from '../detectors/isolation-forest.ts';
import type { NearestNeighboursOptions } from '../detectors/nearest-neighbours.ts';
import type { OneClassSvmOptions } from '../detectors/one-class-svm.ts';
import { TRAINABLE_MODELS, type TrainableModel } from '../pipelines/trainable-models.ts';
import type { SearchSpace } from './search-space.ts';

/** How a model is tuned: what is searched over, and what more of makes a trial of a configuration more exact. */
export interface TunableModel<Options extends object> {
  model: TrainableModel<Options>;
  space: SearchSpace<Options>;
  /** `training-rows`: a trial fits on a part of the rows. `steps`: on all of them, with a part of the steps. */
  resource: 'training-rows' | 'steps';
  /**
   * The options that mean on this many times the columns of a feature vector what `options` mean on a feature vector; left
   * out: the same ones.
   */
  onColumnShare?(options: Options, share: number): Options;
}

const tunable = <Options extends object>(
  model: TrainableModel<Options>,
  resource: TunableModel<Options>['resource'],
  space: SearchSpace<Options>,
  onColumnShare?: (options: Options, share: number) => Options,
): TunableModel<Options> => ({ model, space, resource, ...(onColumnShare && { onColumnShare }) });

/** Every model that can be tuned. A new one joins by one entry. */
export const TUNABLE_MODELS = {
  'isolation-forest': tunable<IsolationForestOptions>(TRAINABLE_MODELS['isolation-forest'], 'training-rows', {
    nEstimators: { kind: 'log-integer', low: 50, high: 400 },
    maxSamples: { kind: 'choice', values: [64, 128, 256, 512, 1024] },
  }),
  'one-class-svm': tunable<OneClassSvmOptions>(
    TRAINABLE_MODELS['one-class-svm'],
    'training-rows',
    {
      nu: { kind: 'log-uniform', low: 0.01, high: 0.6 },
      // `scale` is 1/columns where the columns are standardised: these are its multiples from a tenth to ten.
      gamma: { kind: 'log-uniform', low: 0.1 / FEATURE_COUNT, high: 10 / FEATURE_COUNT },
    },
    // Squared distances grow with the columns.
    (options, share) => ({ ...options, gamma: options.gamma === 'scale' ? 'scale' : options.gamma / share }),
  ),
  autoencoder: tunable<AutoencoderOptions>(TRAINABLE_MODELS.autoencoder, 'steps', {
    hiddenPerColumn: { kind: 'choice', values: [1, 2, 4, 8] },
    codeShare: { kind: 'choice', values: [0.25, 0.4, 0.6] },
    learningRate: { kind: 'log-uniform', low: 5e-4, high: 1e-2 },
    maskedShare: { kind: 'uniform', low: 0, high: 0.4 },
    steps: { kind: 'choice', values: [400, 800, 1600] },
  }),
  'nearest-neighbours': tunable<NearestNeighboursOptions>(TRAINABLE_MODELS['nearest-neighbours'], 'training-rows', {
    nNeighbors: { kind: 'log-integer', low: 1, high: 40 },
    maxReferenceRows: { kind: 'choice', values: [250, 500, 1000, 2000] },
  }),
};

/** The options that mean on rows of so many columns what `options` mean on feature vectors. */
export const optionsOnColumns = <Options extends object>(
  { onColumnShare }: Pick<TunableModel<Options>, 'onColumnShare'>,
  options: Options,
  columns: number,
): Options => onColumnShare?.(options, columns / FEATURE_COUNT) ?? options;

export type TunableName = keyof typeof TUNABLE_MODELS;

export const TUNABLE_NAMES = Object.keys(TUNABLE_MODELS) as [TunableName, ...TunableName[]];

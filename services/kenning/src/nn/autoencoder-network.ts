import { type Activation, type DenseLayer, denseForward, denseParameters } from './dense-network.ts';
import type { Tensor } from './differentiable-graph.ts';
import { weightedSquaredError } from './operations/composed.ts';
import { mul } from './operations/elementwise.ts';
import { gather } from './operations/layout.ts';
import type { TrainingProblem } from './training-loop.ts';

export interface AutoencoderNetwork {
  /** Columns → code. */
  encoder: readonly DenseLayer[];
  /** Code → columns. */
  decoder: readonly DenseLayer[];
}

export interface AutoencoderShape {
  columns: number;
  /** Units of the hidden layers. */
  hidden: number;
  /** Units of the code. */
  code: number;
  hiddenActivation: Activation;
  codeActivation: Activation;
}

/** columns → hidden → code → hidden → columns. */
export function autoencoderNetwork(shape: AutoencoderShape): AutoencoderNetwork {
  const { columns, hidden, code, hiddenActivation, codeActivation } = shape;
  return {
    encoder: [
      { name: 'encoder_hidden', inputs: columns, outputs: hidden, activation: hiddenActivation },
      { name: 'code', inputs: hidden, outputs: code, activation: codeActivation },
    ],
    decoder: [
      { name: 'decoder_hidden', inputs: code, outputs: hidden, activation: hiddenActivation },
      { name: 'reconstruction', inputs: hidden, outputs: columns, activation: 'linear' },
    ],
  };
}

/** Names of the data sets and step inputs of the problems below. */
export const AUTOENCODER_INPUTS = {
  /** Standardised rows, 0 where missing. */
  rows: 'rows',
  /** 1 where a value was observed, 0 where it is missing. */
  observed: 'observed',
  /** Positions of the rows of the batch. */
  positions: 'positions',
  /** 1 where the network sees the value, 0 where it is masked. */
  kept: 'kept',
} as const;

/**
 * A denoising autoencoder with masking noise (Vincent et al. 2010, §3.3): some inputs are set to 0, and the network has to
 * fill them in from the others. Missing values look like masked ones, but take no part in the loss.
 */
export function autoencoderTraining(network: AutoencoderNetwork, batch: number): TrainingProblem {
  const layers = [...network.encoder, ...network.decoder];
  const columns = network.encoder[0]!.inputs;
  return {
    parameters: denseParameters(layers),
    dataSets: {
      [AUTOENCODER_INPUTS.rows]: { shape: ['ROWS', columns] },
      [AUTOENCODER_INPUTS.observed]: { shape: ['ROWS', columns] },
    },
    stepInputs: {
      [AUTOENCODER_INPUTS.positions]: { shape: [batch], type: 'int64' },
      [AUTOENCODER_INPUTS.kept]: { shape: [batch, columns] },
    },
    loss: (parameters, { rows, observed, positions, kept }) => {
      const values = gather(rows!, positions!);
      const reconstruction = denseForward(mul(values, kept!), layers, parameters);
      return weightedSquaredError(reconstruction, values, gather(observed!, positions!));
    },
  };
}

/** The loss of whole rows without masking, for a validation split. */
export function autoencoderValidation(network: AutoencoderNetwork, rowCount: number): TrainingProblem {
  const layers = [...network.encoder, ...network.decoder];
  const shape = [rowCount, network.encoder[0]!.inputs];
  return {
    parameters: denseParameters(layers),
    dataSets: { [AUTOENCODER_INPUTS.rows]: { shape }, [AUTOENCODER_INPUTS.observed]: { shape } },
    stepInputs: {},
    loss: (parameters, { rows, observed }) => {
      const reconstruction: Tensor = denseForward(rows!, layers, parameters);
      return weightedSquaredError(reconstruction, rows!, observed!);
    },
  };
}

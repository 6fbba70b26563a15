import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { VariantKind } from '@liminal/shared/contracts/optimisation-report';
import type { ModelName } from '@liminal/shared/contracts/prediction';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import type { Matrix } from '../detectors/matrix.ts';
import { FEATURES_INPUT } from '../onnx/detector-model.ts';
import {
  type ActivationRange,
  layerInputs,
  quantiseStatically,
  quantiseWeights,
  storeWeightsInHalf,
  withLayerInputs,
} from './quantise.ts';

export interface Variant {
  kind: VariantKind;
  bytes: Uint8Array<ArrayBuffer>;
}

/** The networks: the others have no weights to quantise. */
const NEURAL_MODELS: ReadonlySet<ModelName> = new Set<ModelName>(['autoencoder', 'lstm']);

/** The original first, then every variant that the model allows for. `background`: raw rows, NaN = not observed. */
export async function makeVariants(
  model: ModelName,
  original: Uint8Array<ArrayBuffer>,
  background: Matrix,
): Promise<Variant[]> {
  const variants: Variant[] = [
    { kind: 'original', bytes: original },
    { kind: 'graph-basic', bytes: await optimisedByRuntime(original, 'basic') },
    { kind: 'graph-extended', bytes: await optimisedByRuntime(original, 'extended') },
  ];
  if (!NEURAL_MODELS.has(model) || layerInputs(original).length === 0) return variants;
  const ranges = await activationRanges(original, background);
  return [
    ...variants,
    { kind: 'int8-weights', bytes: quantiseWeights(original) },
    { kind: 'int8-static', bytes: quantiseStatically(original, ranges) },
    { kind: 'float16-weights', bytes: storeWeightsInHalf(original) },
  ];
}

/**
 * The graph as ONNX Runtime would run it. `basic` stays within the standard operators; `extended` fuses some into its own.
 * Not `all`: that also lays data out for the very processor it ran on.
 */
async function optimisedByRuntime(
  file: Uint8Array,
  graphOptimizationLevel: 'basic' | 'extended',
): Promise<Uint8Array<ArrayBuffer>> {
  const directory = await mkdtemp(join(tmpdir(), 'kenning-variant-'));
  try {
    const optimizedModelFilePath = join(directory, 'model.onnx');
    const session = await InferenceSession.create(file, { graphOptimizationLevel, optimizedModelFilePath });
    await session.release();
    return Uint8Array.from(await readFile(optimizedModelFilePath));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function activationRanges(file: Uint8Array, rows: Matrix): Promise<Map<string, ActivationRange>> {
  const session = await InferenceSession.create(withLayerInputs(file), { intraOpNumThreads: 1 });
  try {
    const features = new Tensor('float32', rows.values, [rows.rows, rows.columns]);
    const names = layerInputs(file);
    const outputs = await session.run({ [FEATURES_INPUT]: features }, names);
    return new Map(names.map((name) => [name, rangeOf(outputs[name]!.data as Float32Array)]));
  } finally {
    await session.release();
  }
}

function rangeOf(values: Float32Array): ActivationRange {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return { low, high };
}

import { Random } from '@liminal/shared/runtime/random';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { beforeAll, describe, expect, it } from 'vitest';
import { calibrate } from '../calibration/conformal.ts';
import { asinhScaled } from '../detectors/asinh-scaling.ts';
import { type Autoencoder, autoencoder } from '../detectors/autoencoder.ts';
import { createMatrix, type Matrix, rowRange } from '../detectors/matrix.ts';
import { biasName, denseParameters, weightName } from '../nn/dense-network.ts';
import { parameterValues } from '../nn/parameters.ts';
import { autoencoderScore, RECONSTRUCTION_ERROR_OUTPUT } from '../onnx/autoencoder-converter.ts';
import { detectorModel, FEATURES_INPUT, SCORE_OUTPUT } from '../onnx/detector-model.ts';
import { denseNodes, nonStandardOperators, parseModel } from '../onnx/model-rewrite.ts';
import { assertStandardOperators } from '../training/train-release.ts';
import { DEFAULT_MEASURING, measureVariants, scoreDifference } from './measure-variants.ts';
import { layerInputs, quantiseStatically } from './quantise.ts';
import { makeVariants, type Variant } from './variants.ts';

const COLUMNS = 7;

/**
 * How far the scores of a variant may lie from the original's. A fused graph computes the same
 * sums, if in another order. Rounded numbers move the residuals, whose distance is in units of their spread, and more so the
 * fewer steps they have: over networks of four seeds the mean difference was 0.0004–0.0005 with weights of 11 bits (rank
 * correlation 0.99999), 0.009–0.010 with 254 steps a unit (0.9991) and 0.017–0.021 with 256 steps a layer's input besides
 * (0.9971). The limits leave as much again.
 */
const DIFFERENCE_LIMITS = {
  'graph-basic': { meanAbsolute: 1e-5, rankCorrelation: 0.9999999 },
  'graph-extended': { meanAbsolute: 1e-5, rankCorrelation: 0.9999999 },
  'float16-weights': { meanAbsolute: 0.001, rankCorrelation: 0.9999 },
  'int8-weights': { meanAbsolute: 0.02, rankCorrelation: 0.998 },
  'int8-static': { meanAbsolute: 0.04, rankCorrelation: 0.995 },
};

let rows: Matrix;
let fitted: Autoencoder;
let variants: Variant[];

const modelOf = (network: Autoencoder): Uint8Array<ArrayBuffer> =>
  detectorModel({
    name: 'autoencoder',
    columns: COLUMNS,
    addScore: (graph, features, name) => autoencoderScore(graph, features, network, name),
    calibration: calibrate(
      Float32Array.from({ length: 99 }, (_, index) => index / 20),
      0.5,
    ),
  });

const bytesOf = (kind: Variant['kind']): Uint8Array<ArrayBuffer> =>
  variants.find((variant) => variant.kind === kind)!.bytes;

/** What the file says, node by node: ONNX Runtime else rounds the inputs of int8 weights too (MatMulNBits). */
async function outputOf(file: Uint8Array, name: string): Promise<Float32Array> {
  const session = await InferenceSession.create(file, { graphOptimizationLevel: 'disabled', intraOpNumThreads: 1 });
  try {
    const features = new Tensor('float32', rows.values, [rows.rows, COLUMNS]);
    return (await session.run({ [FEATURES_INPUT]: features }))[name]!.data as Float32Array;
  } finally {
    await session.release();
  }
}

const scoresOf = (file: Uint8Array): Promise<Float32Array> => outputOf(file, SCORE_OUTPUT);

beforeAll(async () => {
  const random = new Random(1);
  // Two hidden causes and some noise, so that there is something to reconstruct.
  const values = Float32Array.from(
    Array.from({ length: 600 }, () => [random.normal(), random.normal()]).flatMap(([a, b]) =>
      Array.from({ length: COLUMNS }, (_, column) => a! * (column - 3) + b! * (column % 3) + 0.2 * random.normal()),
    ),
  );
  rows = createMatrix(values, COLUMNS);
  fitted = await autoencoder.fit(rows, { ...autoencoder.defaultOptions, hiddenPerColumn: 8, steps: 200 }, { seed: 1 });
  variants = await makeVariants('autoencoder', modelOf(fitted), rowRange(rows, 0, 100));
});

describe('variants of a network', () => {
  it('hold what their names say', () => {
    expect(variants.map(({ kind }) => kind)).toEqual([
      'original',
      'graph-basic',
      'graph-extended',
      'int8-weights',
      'int8-static',
      'float16-weights',
    ]);
    const operators = (kind: Variant['kind']) => parseModel(bytesOf(kind)).graph!.node.map(({ opType }) => opType);
    const count = (kind: Variant['kind'], name: string) => operators(kind).filter((other) => other === name).length;
    const layers = count('original', 'Gemm');
    expect(layers).toBe(4);
    expect(count('int8-weights', 'DequantizeLinear')).toBe(layers);
    expect(count('int8-static', 'DequantizeLinear')).toBe(2 * layers);
    expect(count('int8-static', 'QuantizeLinear')).toBe(layers);
    expect(count('float16-weights', 'Cast')).toBe(count('original', 'Cast') + layers);
    for (const kind of ['int8-weights', 'int8-static', 'float16-weights'] as const) {
      expect(nonStandardOperators(bytesOf(kind))).toEqual([]);
      expect(denseNodes(parseModel(bytesOf(kind)).graph!)).toEqual([]);
    }
    const weights = denseNodes(parseModel(bytesOf('original')).graph!);
    const values = weights.reduce((sum, { inputs, outputs }) => sum + inputs * outputs, 0);
    const constants = (kind: Variant['kind']) =>
      parseModel(bytesOf(kind)).graph!.initializer.reduce((sum, { rawData }) => sum + rawData.byteLength, 0);
    const units = weights.reduce((sum, { outputs }) => sum + outputs, 0);
    expect(constants('original') - constants('float16-weights')).toBe(2 * values);
    expect(constants('original') - constants('int8-weights')).toBe(3 * values - 5 * units);
  });

  it('of int8 weights score like a network whose weights were rounded to 254 steps a unit', async () => {
    const { network, parameters } = fitted;
    const rounded = parameters.slice();
    let offset = 0;
    for (const { inputs, outputs } of [...network.encoder, ...network.decoder]) {
      for (let unit = 0; unit < outputs; unit++) {
        const places = Array.from({ length: inputs }, (_, input) => offset + input * outputs + unit);
        const scale = Math.fround(Math.max(...places.map((place) => Math.abs(parameters[place]!))) / 127);
        for (const place of places) rounded[place] = Math.fround(Math.round(parameters[place]! / scale) * scale);
      }
      offset += inputs * outputs + outputs;
    }
    const expected = await scoresOf(modelOf({ ...fitted, parameters: rounded }));
    const scores = await scoresOf(bytesOf('int8-weights'));
    const original = await scoresOf(bytesOf('original'));
    const largest = (other: Float32Array) => Math.max(...scores.map((score, row) => Math.abs(score - other[row]!)));
    expect(largest(expected)).toBeLessThan(1e-4);
    expect(largest(original)).toBeGreaterThan(1e-3);
  });

  it('of static int8 reconstruct like a network whose layers see 256 values only', async () => {
    const [low, high] = [-2, 3];
    const names = layerInputs(bytesOf('original'));
    const file = quantiseStatically(bytesOf('original'), new Map(names.map((name) => [name, { low, high }])));
    const step = (high - low) / 255;
    const zero = Math.round(-low / step);
    const seen = (value: number) =>
      (Math.min(Math.max(Math.round(value / Math.fround(step)) + zero, 0), 255) - zero) * step;
    const { network, parameters, scaling } = fitted;
    const layers = [...network.encoder, ...network.decoder];
    const byName = parameterValues(parameters, denseParameters(layers));
    const scaled = asinhScaled(rows, scaling).values;
    const expected = Array.from({ length: rows.rows }, (_, row) => {
      const input = Array.from(rowRange(scaled, row, row + 1).values);
      const output = layers.reduce((x, { name, outputs, activation }) => {
        const weights = byName[weightName(name)]!;
        return Array.from({ length: outputs }, (_, unit) => {
          const column = x.map((_, index) => weights[index * outputs + unit]!);
          const scale = Math.max(...column.map(Math.abs)) / 64;
          const sum = x.reduce((sum, value, i) => sum + seen(value) * Math.round(column[i]! / scale) * scale, 0);
          const biased = sum + byName[biasName(name)]![unit]!;
          if (activation === 'relu') return Math.max(0, biased);
          return activation === 'tanh' ? Math.tanh(biased) : biased;
        });
      }, input);
      return output.map((value, column) => Math.abs(value - input[column]!));
    }).flat();
    const errors = await outputOf(file, RECONSTRUCTION_ERROR_OUTPUT);
    const differences = expected.map((error, index) => Math.abs(error - errors[index]!));
    // A value between two steps may fall to either side, and then the whole row differs by a step.
    expect(differences.filter((difference) => difference > 1e-4).length / differences.length).toBeLessThan(0.02);
    expect(Math.max(...differences)).toBeLessThan(3 * step);
  });

  it('of float16 weights score like a network with weights of that precision', async () => {
    const { network, parameters } = fitted;
    const rounded = parameters.slice();
    let offset = 0;
    for (const { inputs, outputs } of [...network.encoder, ...network.decoder]) {
      for (let place = offset; place < offset + inputs * outputs; place++) {
        rounded[place] = Math.f16round(parameters[place]!);
      }
      offset += inputs * outputs + outputs;
    }
    const expected = await scoresOf(modelOf({ ...fitted, parameters: rounded }));
    const scores = await scoresOf(bytesOf('float16-weights'));
    expect(Math.max(...scores.map((score, row) => Math.abs(score - expected[row]!)))).toBeLessThan(1e-4);
  });

  it('that ONNX Runtime fused are kept out of releases', () => {
    expect(nonStandardOperators(bytesOf('graph-basic'))).toEqual([]);
    expect(nonStandardOperators(bytesOf('graph-extended'))).toContain('com.microsoft.FusedGemm');
    expect(() => assertStandardOperators('autoencoder', bytesOf('graph-basic'))).not.toThrow();
    expect(() => assertStandardOperators('autoencoder', bytesOf('graph-extended'))).toThrow('com.microsoft.FusedGemm');
  });

  it('need a range for each layer', () => {
    const ranges = new Map(layerInputs(bytesOf('original')).map((name) => [name, { low: -1, high: 1 }]));
    expect(ranges.size).toBe(4);
    ranges.delete([...ranges.keys()][2]!);
    expect(() => quantiseStatically(bytesOf('original'), ranges)).toThrow(RangeError);
  });

  it('are measured beside the original', async () => {
    let now = 0;
    const labels = Uint8Array.from({ length: rows.rows }, (_, row) => row % 2);
    const measured = await measureVariants(
      variants,
      rows,
      { rows, labels },
      {
        ...DEFAULT_MEASURING,
        batches: [{ rows: 3, runs: 10 }],
        warmUpRuns: 1,
        clock: () => now++,
      },
    );
    expect(measured.map(({ kind }) => kind)).toEqual(variants.map(({ kind }) => kind));
    for (const { latencies } of measured)
      expect(latencies).toEqual([{ batchRows: 3, runs: 10, medianMs: 1, p99Ms: 1 }]);
    expect(measured[0]!.difference).toBeNull();
    for (const { kind, difference } of measured.slice(1)) {
      const { meanAbsolute, rankCorrelation } = difference!;
      const limit = DIFFERENCE_LIMITS[kind as keyof typeof DIFFERENCE_LIMITS];
      expect(meanAbsolute, kind).toBeLessThanOrEqual(difference!.maxAbsolute);
      expect(meanAbsolute, kind).toBeLessThan(limit.meanAbsolute);
      expect(rankCorrelation, kind).toBeGreaterThan(limit.rankCorrelation);
    }
    for (const { auroc } of measured) expect(auroc).toBeCloseTo(0.5, 0);
  });
});

describe('the difference of scores', () => {
  it('is that of a worked example', () => {
    const original = { scores: Float32Array.of(1, 2, 3, 4), pValues: Float32Array.of(1, 0.05, 0.05, 0.01) };
    const variant = { scores: Float32Array.of(1, 3, 2, 4.5), pValues: Float32Array.of(1, 0.05, 0.06, 0.01) };
    expect(scoreDifference(original, variant, [0.01, 0.05])).toEqual({
      maxAbsolute: 1,
      meanAbsolute: 0.625,
      rankCorrelation: expect.closeTo(0.8, 12),
      changedAlarms: [
        { alarmRate: 0.01, changedShare: 0 },
        { alarmRate: 0.05, changedShare: 0.25 },
      ],
    });
  });
});

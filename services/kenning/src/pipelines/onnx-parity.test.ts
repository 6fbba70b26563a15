import { Random } from '@liminal/shared/runtime/random';
import { beforeAll, describe, expect, it } from 'vitest';
import { calibrate } from '../calibration/conformal.ts';
import { isolationForest } from '../detectors/isolation-forest.ts';
import { createMatrix } from '../detectors/matrix.ts';
import { imputeMissing } from '../detectors/median-imputation.ts';
import { detectorModel } from '../onnx/detector-model.ts';
import { isolationForestScore } from '../onnx/isolation-forest-converter.ts';
import { assertParity, type ParityQuestion, probeRows } from './onnx-parity.ts';

describe('ONNX parity check', () => {
  let sound: ParityQuestion;

  beforeAll(async () => {
    const random = new Random(1);
    const rows = createMatrix(
      Float32Array.from({ length: 300 }, () => random.normal()),
      3,
    );
    const medians = new Float32Array(3);
    const forest = await isolationForest.fit(rows, isolationForest.defaultOptions, { seed: 1 });
    const probes = probeRows(rows);
    const calibration = calibrate(Float32Array.of(0.4, 0.45, 0.5, 0.6), 0.05);
    sound = {
      name: 'isolation-forest',
      onnx: detectorModel({
        name: 'isolation-forest',
        columns: 3,
        medians,
        addScore: (graph, features, name) => isolationForestScore(graph, features, forest, name),
        calibration,
      }),
      rows: probes,
      expectedScores: isolationForest.anomalyScores(forest, imputeMissing(probes, medians)),
      calibration,
    };
  });

  it('probes rows as they are, without each column, and without all', () => {
    const probes = probeRows(createMatrix(Float32Array.of(1, 2), 2));
    const { NaN: missing } = Number;
    expect(probes.values).toEqual(Float32Array.of(1, 2, missing, 2, 1, missing, missing, missing));
    expect(probes.rows).toBe(4);
  });

  it('passes a sound file, and tells how near it is', async () => {
    const difference = await assertParity(sound);
    expect(difference).toBeGreaterThan(0);
    expect(difference).toBeLessThan(1e-6);
    const expectedScores = sound.expectedScores.slice();
    expectedScores[77]! += 8e-6;
    expect(await assertParity({ ...sound, expectedScores })).toBeCloseTo(8e-6, 6);
  });

  it('measures a score by what it is the difference of', async () => {
    const expectedScores = sound.expectedScores.slice();
    expectedScores[77]! += 2e-5;
    const magnitudes = new Float64Array(expectedScores.length).fill(1);
    magnitudes[77] = 4;
    expect(await assertParity({ ...sound, expectedScores, magnitudes })).toBeCloseTo(5e-6, 6);
    magnitudes[77] = 1.5;
    await expect(assertParity({ ...sound, expectedScores, magnitudes })).rejects.toThrow('the ONNX file of');
  });

  it.each([2e-5, Number.NaN])('refuses one score that is off by %d', async (error) => {
    const expectedScores = sound.expectedScores.slice();
    expectedScores[77]! += error;
    await expect(assertParity({ ...sound, expectedScores })).rejects.toThrow(
      'the ONNX file of isolation-forest scores',
    );
  });

  it('refuses p-values that are not those of the scores', async () => {
    const calibration = calibrate(Float32Array.of(0.4, 0.45, 0.5, 0.6, 0.7), 0.05);
    await expect(assertParity({ ...sound, calibration })).rejects.toMatchObject({ name: 'OnnxParityError' });
  });

  it('refuses tail-extended p-values of another scale', async () => {
    const calibration = { ...sound.calibration, tailScale: 0.0501 };
    await expect(assertParity({ ...sound, calibration })).rejects.toThrow('gives a tail of');
  });
});

import { Random } from '@liminal/shared/runtime/random';
import { describe, expect, it } from 'vitest';
import { TRAINABLE_MODELS } from '../pipelines/trainable-models.ts';
import { type Autoencoder, type AutoencoderOptions, autoencoder } from './autoencoder.ts';
import type { Detector } from './detector.ts';
import { type IsolationForest, type IsolationForestOptions, isolationForest } from './isolation-forest.ts';
import { createMatrix, type Matrix, takeRows } from './matrix.ts';
import { type NearestNeighbours, type NearestNeighboursOptions, nearestNeighbours } from './nearest-neighbours.ts';
import { type OneClassSvm, type OneClassSvmOptions, oneClassSvm } from './one-class-svm.ts';

const conforming = new Set<string>();

/** What every detector must do; what its ONNX file must do is in export-conformance.test.ts. A new one joins by one line in the list at the end. */
function conforms<Options, Fitted>(detector: Detector<Options, Fitted>, options: Options, variant = ''): void {
  conforming.add(detector.name);
  describe(`detector ${detector.name}${variant}`, () => {
    const rows = normalRows(300, 4, 1);
    const twice = normalRows(40, 4, 2);
    const fit = (matrix: Matrix, seed = 7) => detector.fit(matrix, options, { seed });

    it('gives the same scores for the same rows and seed, others for another seed unless it says that it draws nothing', async () => {
      const scores = detector.anomalyScores(await fit(rows), rows);
      expect(detector.anomalyScores(await fit(rows), rows)).toEqual(scores);
      const isSame = detector.isDeterministic?.(options, rows) ?? false;
      const ofAnotherSeed = detector.anomalyScores(await fit(rows, 8), rows);
      expect(ofAnotherSeed.every((score, row) => score === scores[row])).toBe(isSame);
    });

    it('leaves the rows as they were', async () => {
      const before = rows.values.slice();
      detector.anomalyScores(await fit(rows), rows);
      expect(rows.values).toEqual(before);
    });

    it('scores a row far from all others highest', async () => {
      const values = rows.values.slice();
      values.fill(50, 4 * 123, 4 * 124);
      const scores = detector.anomalyScores(await fit(createMatrix(values, 4)), createMatrix(values, 4));
      expect(scores.indexOf(Math.max(...scores))).toBe(123);
    });

    it('scores each row by itself: order and company do not matter', async () => {
      const fitted = await fit(rows);
      const scores = detector.anomalyScores(fitted, rows);
      const reversed = takeRows(
        rows,
        Int32Array.from({ length: 300 }, (_, index) => 299 - index),
      );
      expect(detector.anomalyScores(fitted, reversed).toReversed()).toEqual(scores);
      expect(detector.anomalyScores(fitted, takeRows(rows, Int32Array.of(42)))[0]).toBe(scores[42]);
    });

    it('keeps its scores when the fitted values cross a thread', async () => {
      const fitted = await fit(rows);
      const scores = detector.anomalyScores(fitted, rows);
      expect(detector.anomalyScores(structuredClone(fitted), rows)).toEqual(scores);
    });

    it.each([
      ['one row', createMatrix(Float32Array.of(1, 2, 3, 4), 4)],
      ['two rows', createMatrix(Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8), 4)],
      ['only duplicates', createMatrix(new Float32Array(4 * 50).fill(3), 4)],
      ['each row twice', createMatrix(Float32Array.from([...twice.values, ...twice.values]), 4)],
      ['one column', normalRows(40, 1, 3)],
      ['values at the ends of float32', createMatrix(Float32Array.of(-3.4e38, 3.4e38, 1e-45, 0, -1e-45, 1), 1)],
      ['neighbouring float32 values', createMatrix(Float32Array.of(1, 1.00000011920929, 1, 1.00000011920929), 1)],
    ])('fits and scores degenerate rows: %s', async (_, degenerate) => {
      const scores = detector.anomalyScores(await fit(degenerate), degenerate);
      expect(scores).toHaveLength(degenerate.rows);
      expect(scores.every(Number.isFinite)).toBe(true);
    });

    it('is not misled by a constant column', async () => {
      const values = rows.values.map((value, index) => (index % 4 === 2 ? 9 : value));
      values[4 * 17] = 40;
      const constant = createMatrix(values, 4);
      const scores = detector.anomalyScores(await fit(constant), constant);
      expect(scores.indexOf(Math.max(...scores))).toBe(17);
    });

    const unfit = detector.missingValues === 'native' ? [] : [Number.NaN];
    it.each([...unfit, Number.POSITIVE_INFINITY])('refuses to fit %s, naming its place', async (value) => {
      const values = rows.values.slice();
      values[4 * 5 + 2] = value;
      await expect(fit(createMatrix(values, 4))).rejects.toThrow(`row 5, column 2 is ${value}`);
    });

    it('refuses to fit nothing, and to score rows of another width', async () => {
      await expect(fit(createMatrix(new Float32Array(0), 4))).rejects.toThrow('no rows to fit');
      const fitted = await fit(rows);
      expect(() => detector.anomalyScores(fitted, createMatrix(new Float32Array(6), 3))).toThrow('4 columns');
    });

    if (detector.missingValues === 'native') takesMissingValues(detector, options);

    it('tells its progress, from 0 to 1 and never back', async () => {
      const shares: number[] = [];
      await detector.fit(rows, options, { seed: 1, onProgress: (share) => shares.push(share) });
      expect(shares[0]).toBe(0);
      expect(shares.at(-1)).toBe(1);
      expect(shares.length).toBeGreaterThan(3);
      expect(shares.toSorted((a, b) => a - b)).toEqual(shares);
    });

    it('stops at the signal with its reason, before the end', async () => {
      const cancellation = new AbortController();
      const reason = new Error('enough');
      const shares: number[] = [];
      const onProgress = (share: number) => {
        shares.push(share);
        cancellation.abort(reason);
      };
      await expect(detector.fit(rows, options, { seed: 1, onProgress, signal: cancellation.signal })).rejects.toBe(
        reason,
      );
      expect(shares).toEqual([0]);
    });

    it('lets the event loop run, so that the signal can come from it', async () => {
      const cancellation = new AbortController();
      const fitting = detector.fit(rows, options, { seed: 1, signal: cancellation.signal });
      setImmediate(() => cancellation.abort());
      await expect(fitting).rejects.toThrow('aborted');
    });
  });
}

/** What a detector of native missing values must do beside. */
function takesMissingValues<Options, Fitted>(detector: Detector<Options, Fitted>, options: Options): void {
  const fit = (matrix: Matrix) => detector.fit(matrix, options, { seed: 7 });
  const withMissing = (matrix: Matrix, share: number): Matrix => {
    const random = new Random(5);
    const values = matrix.values.map((value) => (random.next() < share ? Number.NaN : value));
    return createMatrix(values, matrix.columns);
  };

  it.each([
    ['some values', withMissing(normalRows(300, 4, 1), 0.3)],
    ['most values', withMissing(normalRows(300, 4, 1), 0.9)],
    [
      'a whole column',
      createMatrix(
        normalRows(60, 4, 1).values.map((x, i) => (i % 4 === 1 ? Number.NaN : x)),
        4,
      ),
    ],
    ['everything', createMatrix(new Float32Array(4 * 20).fill(Number.NaN), 4)],
    ['a value of the only row', createMatrix(Float32Array.of(1, Number.NaN, 3, 4), 4)],
    ['values among the ends of float32', createMatrix(Float32Array.of(-3.4e38, Number.NaN, 1e-45, 3.4e38), 1)],
  ])('fits and scores rows that miss %s', async (_, rows) => {
    const before = rows.values.slice();
    const scores = detector.anomalyScores(await fit(rows), rows);
    expect(scores).toHaveLength(rows.rows);
    expect(scores.every(Number.isFinite)).toBe(true);
    expect(rows.values).toEqual(before);
  });

  it('scores rows with values missing that were never missing in the fit', async () => {
    const fitted = await fit(normalRows(300, 4, 1));
    const scores = detector.anomalyScores(fitted, withMissing(normalRows(300, 4, 2), 0.5));
    expect(scores.every(Number.isFinite)).toBe(true);
    const nothing = createMatrix(new Float32Array(4).fill(Number.NaN), 4);
    expect(detector.anomalyScores(fitted, nothing).every(Number.isFinite)).toBe(true);
  });

  it('does not see what is missing: a row without its one strange value is as the others', async () => {
    const rows = withMissing(normalRows(300, 4, 1), 0.1);
    const fitted = await fit(rows);
    const scores = detector.anomalyScores(fitted, rows);
    const strange = createMatrix(Float32Array.of(0.1, -0.2, 60, 0.3), 4);
    const harmless = createMatrix(Float32Array.of(0.1, -0.2, Number.NaN, 0.3), 4);
    expect(detector.anomalyScores(fitted, strange)[0]).toBeGreaterThan(Math.max(...scores));
    expect(detector.anomalyScores(fitted, harmless)[0]).toBeLessThan(scores.toSorted()[270]!);
  });

  it('still refuses infinite values', async () => {
    await expect(fit(createMatrix(Float32Array.of(1, Number.NaN, 2, Number.NEGATIVE_INFINITY), 2))).rejects.toThrow(
      'row 1, column 1 is -Infinity',
    );
  });
}

function normalRows(rows: number, columns: number, seed: number): Matrix {
  const random = new Random(seed);
  return createMatrix(
    Float32Array.from({ length: rows * columns }, () => random.normal()),
    columns,
  );
}

conforms<IsolationForestOptions, IsolationForest>(isolationForest, isolationForest.defaultOptions);
conforms<NearestNeighboursOptions, NearestNeighbours>(nearestNeighbours, { nNeighbors: 5, maxReferenceRows: 200 });
conforms<OneClassSvmOptions, OneClassSvm>(oneClassSvm, oneClassSvm.defaultOptions);
const fewLandmarks = { ...oneClassSvm.defaultOptions, maxExactRows: 1, landmarks: 40 };
conforms<OneClassSvmOptions, OneClassSvm>(oneClassSvm, fewLandmarks, ' with landmarks');
conforms<AutoencoderOptions, Autoencoder>(autoencoder, autoencoder.defaultOptions);

it('is asked of every detector that can be trained', () => {
  expect([...conforming]).toEqual(expect.arrayContaining(Object.keys(TRAINABLE_MODELS)));
});

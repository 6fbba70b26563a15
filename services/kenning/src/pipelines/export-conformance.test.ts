import { Random } from '@liminal/shared/runtime/random';
import { describe, expect, it } from 'vitest';
import { createMatrix, type Matrix, takeRows } from '../detectors/matrix.ts';
import { outputsOf } from '../onnx/testing/outputs-of.ts';
import type { SplitRows } from './train-detector.ts';
import { TRAINABLE_MODELS, type TrainableModel } from './trainable-models.ts';
import type { TrainedModel, TrainingProgress } from './trained-model.ts';

const COLUMNS = 4;
const { NaN: missing } = Number;

/** Models that draw nothing on so few rows, so that the seed changes nothing. */
const DETERMINISTIC: ReadonlySet<string> = new Set(['one-class-svm']);

/**
 * What every model does on its way from rows to an ONNX file; being trainable is being registered here. That a training
 * resolves says that the file gives the scores of the fitted values, on the calibration rows and on those with values
 * missing: it rejects with `OnnxParityError` otherwise.
 */
describe.each(Object.values(TRAINABLE_MODELS) as TrainableModel<object>[])('the export of $name', (model) => {
  const train = (split: SplitRows, seed = 7): Promise<TrainedModel> =>
    model.train(split, model.defaultOptions, { seed });

  it('is the same bytes for the same rows and seed, others for another seed unless nothing is drawn', async () => {
    const split = { training: normalRows(300, 1), calibration: normalRows(120, 2) };
    const [first, again, other] = await Promise.all([7, 7, 8].map((seed) => train(split, seed)));
    expect(again).toEqual(first);
    const isSame = Buffer.from(other!.onnx).equals(first!.onnx);
    expect(isSame).toBe(DETERMINISTIC.has(model.name));
  });

  it('leaves the rows as they were', async () => {
    const split = { training: withMissing(normalRows(100, 1)), calibration: withMissing(normalRows(50, 2)) };
    const before = structuredClone(split);
    await train(split);
    expect(split).toEqual(before);
  });

  it.each([
    ['of which some miss values', withMissing(normalRows(200, 1))],
    ['of which some miss everything', rowsOf([...rowList(normalRows(50, 1)), Array(COLUMNS).fill(missing)])],
    ['without a single observation', createMatrix(new Float32Array(20 * COLUMNS).fill(missing), COLUMNS)],
    ['that are one', rowsOf([[1, 2, 3, 4]])],
    ['that are one, and miss a value', rowsOf([[1, missing, 3, 4]])],
    ['with a constant column', rowsOf(rowList(normalRows(100, 1)).map(([a, , b, c]) => [a!, 9, b!, c!]))],
    ['that are all equal', createMatrix(new Float32Array(50 * COLUMNS).fill(3), COLUMNS)],
    ['that all come twice', rowsOf(rowList(normalRows(60, 1)).flatMap((row) => [row, row]))],
    ['at the ends of float32', rowsOf([...rowList(normalRows(60, 1)), [3.4e38, -3.4e38, 1e-45, -1e-45]])],
    ['that hold infinities', rowsOf([...rowList(normalRows(60, 1)), [1 / 0, -1 / 0, 0, 1]])],
  ])('agrees with the fitted values on rows %s', async (_, rows) => {
    const { onnx, calibration } = await train({ training: rows, calibration: rows });
    expect(calibration.rows).toBe(rows.rows);
    expect(calibration.scores.every(Number.isFinite)).toBe(true);
    const { pValues } = await outputsOf(onnx, rows);
    expect(pValues.every((p) => p > 0 && p <= 1)).toBe(true);
  });

  it('scores each row by itself: order and company do not matter', async () => {
    const { onnx } = await train({ training: normalRows(200, 1), calibration: normalRows(99, 2) });
    const rows = withMissing(normalRows(64, 3));
    const { scores } = await outputsOf(onnx, rows);
    const reversed = await outputsOf(onnx, takeRows(rows, Int32Array.from(rowIndices(rows)).reverse()));
    const alone = await outputsOf(onnx, takeRows(rows, Int32Array.of(42)));
    // Sums over a row may be taken in another order in a batch of another size.
    for (const [row, score] of reversed.scores.toReversed().entries()) expect(score).toBeCloseTo(scores[row]!, 5);
    expect(alone.scores[0]).toBeCloseTo(scores[42]!, 5);
  });

  it('tells its progress, stage by stage, and stops at the signal with its reason', async () => {
    const split = { training: normalRows(200, 1), calibration: normalRows(99, 2) };
    const seen: TrainingProgress[] = [];
    await model.train(split, model.defaultOptions, { seed: 1, onProgress: (progress) => seen.push(progress) });
    expect([...new Set(seen.map(({ stage }) => stage))]).toEqual(['fit', 'calibrate', 'verify']);
    expect(seen.at(-1)).toEqual({ model: model.name, stage: 'verify', share: 1 });
    for (const stage of ['fit', 'calibrate'] as const) {
      const cancellation = new AbortController();
      const reason = new Error(`enough of ${stage}`);
      const training = model.train(split, model.defaultOptions, {
        seed: 1,
        signal: cancellation.signal,
        onProgress: (progress) => progress.stage === stage && cancellation.abort(reason),
      });
      await expect(training).rejects.toBe(reason);
    }
  });
});

function normalRows(rows: number, seed: number): Matrix {
  const random = new Random(seed);
  return createMatrix(
    Float32Array.from({ length: rows * COLUMNS }, () => random.normal()),
    COLUMNS,
  );
}

function withMissing(rows: Matrix): Matrix {
  const random = new Random(5);
  return createMatrix(
    rows.values.map((value) => (random.next() < 0.2 ? missing : value)),
    rows.columns,
  );
}

const rowIndices = ({ rows }: Matrix): number[] => Array.from({ length: rows }, (_, row) => row);
const rowsOf = (list: readonly (readonly number[])[]): Matrix => createMatrix(Float32Array.from(list.flat()), COLUMNS);
const rowList = (matrix: Matrix): number[][] =>
  rowIndices(matrix).map((row) => [...matrix.values.subarray(row * COLUMNS, (row + 1) * COLUMNS)]);

import { Random } from '@liminal/shared/runtime/random';
import { describe, expect, it } from 'vitest';
import { createMatrix, type Matrix } from '../detectors/matrix.ts';
import { trainInProcess } from './train-in-process.ts';
import { DEFAULT_RELEASE_TRAINING, trainReleaseModels } from './train-release-models.ts';
import type { TrainingProgress } from './trained-model.ts';
import { TrainingDataError } from './training-errors.ts';

const options = DEFAULT_RELEASE_TRAINING;
const rows = normalRows(500, 7);

describe('training process', () => {
  it('gives what training here gives, tells its progress, and leaves the rows to the caller', async () => {
    const seen: TrainingProgress[] = [];
    const release = await trainInProcess({ rows, options, seed: 3 }, { onProgress: (progress) => seen.push(progress) });
    expect(release).toEqual(await trainReleaseModels(rows, options, { seed: 3 }));
    expect(seen.length).toBeGreaterThan(5);
    expect(seen.at(-1)).toMatchObject({ stage: 'verify', share: 1 });
    expect(rows.values).toHaveLength(3500);
  });

  it('throws the error of the training, class and all', async () => {
    const training = trainInProcess({ rows: normalRows(5, 6), options, seed: 1 });
    await expect(training).rejects.toThrow(TrainingDataError);
    await expect(training).rejects.toThrow('training rows have 7 features, these have 6');
  });

  it('ends early when cancelled, with the reason of the signal', async () => {
    const cancellation = new AbortController();
    const reason = new Error('not needed any more');
    const seen: TrainingProgress[] = [];
    const forest = { nEstimators: 20_000, maxSamples: 256 };
    const training = trainInProcess(
      { rows, options: { ...options, models: { 'isolation-forest': forest } }, seed: 1 },
      {
        signal: cancellation.signal,
        onProgress: (progress) => {
          seen.push(progress);
          cancellation.abort(reason);
        },
      },
    );
    await expect(training).rejects.toBe(reason);
    expect(seen).toHaveLength(1);
  });

  it('does not start when cancelled before', async () => {
    const reason = new Error('never mind');
    const signal = AbortSignal.abort(reason);
    await expect(trainInProcess({ rows, options, seed: 1 }, { signal })).rejects.toBe(reason);
  });

  it('leaves the event loop free', async () => {
    let ticks = 0;
    const timer = setInterval(() => ticks++, 5);
    await trainInProcess({ rows: normalRows(20_000, 7), options, seed: 1 });
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(10);
  });
});

function normalRows(count: number, columns: number): Matrix {
  const random = new Random(1);
  return createMatrix(
    Float32Array.from({ length: count * columns }, () => random.normal()),
    columns,
  );
}

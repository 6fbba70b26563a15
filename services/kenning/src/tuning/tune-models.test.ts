import { Random } from '@liminal/shared/runtime/random';
import { describe, expect, it } from 'vitest';
import { createMatrix, type Matrix } from '../detectors/matrix.ts';
import { withDefaults } from '../pipelines/model-options.ts';
import { TRAINABLE_MODELS } from '../pipelines/trainable-models.ts';
import { drawFeatures } from './feature-draws.ts';
import { TUNABLE_MODELS, TUNABLE_NAMES } from './model-spaces.ts';
import { drawOptions } from './search-space.ts';
import { DEFAULT_TUNING, type TuningOptions, tuneModels } from './tune-models.ts';

const COLUMNS = 7;
const MISSING_COLUMN = 5;

/** Two clusters; one column is missing in every third row and one is constant. */
function clusteredRows(count: number, seed = 1): Matrix {
  const random = new Random(seed);
  const values = Float32Array.from({ length: count * COLUMNS }, (_, index) => {
    const [row, column] = [Math.floor(index / COLUMNS), index % COLUMNS];
    if (column === 6) return 3;
    if (column === MISSING_COLUMN && row % 3 === 0) return Number.NaN;
    return (row % 2 === 0 ? 4 : 0) + random.normal() * (1 + column / 4);
  });
  return createMatrix(values, COLUMNS);
}

const SMALL: TuningOptions = {
  ...DEFAULT_TUNING,
  models: ['isolation-forest', 'nearest-neighbours'],
  configurations: 6,
  draws: 2,
  volumeSamples: 500,
};

describe('feature draws', () => {
  it('hold complete rows of features that vary, five at most', () => {
    const draws = drawFeatures(clusteredRows(300), { draws: 8, maxColumns: 5, volumeSamples: 200 }, new Random(3));
    expect(draws).toHaveLength(8);
    for (const { columns, data, uniform } of draws) {
      expect(columns.length).toBe(5);
      expect(columns).not.toContain(6);
      expect(columns).toEqual(columns.toSorted());
      expect(data.rows).toBe(columns.includes(MISSING_COLUMN) ? 200 : 300);
      expect(data.values.every(Number.isFinite)).toBe(true);
      for (let column = 0; column < columns.length; column++) {
        const of = ({ values }: Matrix) => Array.from(values).filter((_, index) => index % columns.length === column);
        expect(Math.min(...of(uniform))).toBeGreaterThanOrEqual(Math.min(...of(data)));
        expect(Math.max(...of(uniform))).toBeLessThanOrEqual(Math.max(...of(data)));
      }
    }
    expect(new Set(draws.map(({ columns }) => columns.join())).size).toBeGreaterThan(1);
  });

  it('are refused where nothing varies', () => {
    const constant = createMatrix(new Float32Array(700), COLUMNS);
    const draw = () => drawFeatures(constant, { draws: 1, maxColumns: 5, volumeSamples: 10 }, new Random(1));
    expect(draw).toThrow('needs a feature that varies');
  });
});

describe('search spaces', () => {
  it.each(TUNABLE_NAMES)('%s: what is drawn can be sent to POST /pipelines/train', (name) => {
    const { space, model } = TUNABLE_MODELS[name] as { space: object; model: { defaultOptions: object } };
    const random = new Random(5);
    const drawn = Array.from({ length: 50 }, () => drawOptions(space, model.defaultOptions, random));
    for (const options of drawn) {
      expect(withDefaults({ [name]: options } as Parameters<typeof withDefaults>[0])[name]).toEqual(options);
    }
    expect(new Set(drawn.map((options) => JSON.stringify(options))).size).toBeGreaterThan(10);
  });

  it('cover every model that can be trained', () => {
    expect(TUNABLE_NAMES).toEqual(Object.keys(TRAINABLE_MODELS));
  });
});

describe('tuning', () => {
  it('ranks the configurations of each model, the same for the same seed', async () => {
    const rows = clusteredRows(600);
    const shares: number[] = [];
    const tuned = await tuneModels(rows, undefined, SMALL, { seed: 4, onProgress: ({ ratio }) => shares.push(ratio) });
    expect(tuned.rows).toEqual({ training: 420, evaluation: 180, labelled: 0 });
    expect(tuned.models.map(({ model }) => model)).toEqual(SMALL.models);
    for (const { criterion, ranking, options } of tuned.models) {
      expect(criterion).toBe('excess-mass');
      expect(ranking).toHaveLength(6);
      expect(ranking.filter(({ isDefault }) => isDefault)).toHaveLength(1);
      expect(ranking[0]!.options).toEqual(options);
      expect(ranking[0]!.trainingRows).toBe(420);
      expect(ranking[0]!.rungs).toBe(2);
      expect(ranking.at(-1)!.rungs).toBe(1);
      expect(ranking.at(-1)!.trainingRows).toBe(140);
      const last = ranking.filter(({ rungs }) => rungs === 2).map(({ criteria }) => criteria.excessMass!);
      expect(last).toEqual(last.toSorted((a, b) => b - a));
    }
    expect(shares).toEqual(shares.toSorted((a, b) => a - b));
    expect(shares.at(-1)).toBe(1);
    expect(await tuneModels(rows, undefined, SMALL, { seed: 4 })).toEqual(tuned);
    expect(await tuneModels(rows, undefined, SMALL, { seed: 5 })).not.toEqual(tuned);
  });

  it('goes by labels where there are any', async () => {
    const rows = clusteredRows(600);
    const anomalies = clusteredRows(40, 2).values.map((value, index) => (index % COLUMNS === 0 ? 12 : value));
    const labelled = {
      rows: createMatrix(Float32Array.from([...clusteredRows(200, 3).values, ...anomalies]), COLUMNS),
      labels: Uint8Array.from({ length: 240 }, (_, row) => (row < 200 ? 0 : 1)),
    };
    const { models, rows: counts } = await tuneModels(rows, labelled, SMALL, { seed: 4 });
    expect(counts).toEqual({ training: 420, evaluation: 0, labelled: 240 });
    for (const { criterion, ranking } of models) {
      expect(criterion).toBe('average-precision');
      expect(Object.keys(ranking[0]!.criteria)).toEqual(['averagePrecision', 'auroc']);
      expect(ranking[0]!.criteria.auroc).toBeGreaterThan(0.9);
    }
  });

  it('gives the autoencoder more steps, not more rows', async () => {
    const options: TuningOptions = { ...SMALL, models: ['autoencoder'], configurations: 3, draws: 1 };
    const { models } = await tuneModels(clusteredRows(300), undefined, options, { seed: 1 });
    const [{ resource, ranking }] = models as [(typeof models)[number]];
    expect(resource).toBe('steps');
    expect(ranking.map(({ trainingRows }) => trainingRows)).toEqual([210, 210, 210]);
    expect(ranking.map(({ resourceShare }) => resourceShare)).toEqual([1, 1 / 3, 1 / 3]);
  });

  it('needs rows, and can be cancelled', async () => {
    await expect(tuneModels(clusteredRows(150), undefined, SMALL, { seed: 1 })).rejects.toThrow('at least 200 rows');
    const cancelled = new AbortController();
    const tuning = tuneModels(clusteredRows(600), undefined, SMALL, {
      seed: 1,
      signal: cancelled.signal,
      onProgress: ({ ratio }) => ratio > 0.1 && cancelled.abort(new Error('enough')),
    });
    await expect(tuning).rejects.toThrow('enough');
  });
});

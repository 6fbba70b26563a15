import { Random } from '@liminal/shared/runtime/random';
import { describe, expect, it } from 'vitest';
import { createMatrix, type Matrix } from '../detectors/matrix.ts';
import { withDefaults } from '../pipelines/model-options.ts';
import { TRAINABLE_MODELS } from '../pipelines/trainable-models.ts';
import { excessMassArea, type LevelSets, levelSets } from './excess-mass.ts';
import { drawFeatures } from './feature-draws.ts';
import { TUNABLE_MODELS, TUNABLE_NAMES } from './model-spaces.ts';
import { drawConfigurations, type SearchSpace } from './search-space.ts';
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
    for (const { columns, data, reference } of draws) {
      expect(columns.length).toBe(5);
      expect(columns).not.toContain(6);
      expect(columns).toEqual(columns.toSorted());
      expect(data.rows).toBe(columns.includes(MISSING_COLUMN) ? 200 : 300);
      expect(data.values.every(Number.isFinite)).toBe(true);
      for (let column = 0; column < columns.length; column++) {
        const of = ({ values }: Matrix) => Array.from(values).filter((_, index) => index % columns.length === column);
        const [values, sample] = [of(data), of(reference)];
        expect(Math.min(...sample)).toBeGreaterThanOrEqual(Math.min(...values));
        expect(Math.max(...sample)).toBeLessThanOrEqual(Math.max(...values));
        const shareOfData = sample.filter((value) => values.includes(value)).length / sample.length;
        expect(Math.abs(shareOfData - 0.5)).toBeLessThan(4 * Math.sqrt(0.25 / 200));
      }
    }
    expect(new Set(draws.map(({ columns }) => columns.join())).size).toBeGreaterThan(1);
  });

  it('measure level sets where features have heavy tails and pile up at one value', () => {
    const random = new Random(2);
    const heavy = () => random.normal() / random.next() ** 2;
    const piled = () => (random.next() < 0.7 ? 0 : random.exponential(1) ** 3);
    const rows = Float32Array.from(
      Array.from({ length: 1000 }, () => [heavy(), heavy(), heavy(), piled(), piled()]).flat(),
    );
    const options = { draws: 1, maxColumns: 5, volumeSamples: 4000 };
    const [draw] = drawFeatures(createMatrix(rows, 5), options, new Random(1));
    const { data, reference } = draw!;
    const ranges = [0, 1, 2, 3, 4].map((column) => {
      const values = rows.filter((_, index) => index % 5 === column);
      return [Math.min(...values), Math.max(...values)] as const;
    });
    const inBox = Float32Array.from({ length: 4000 * 5 }, (_, index) => random.uniform(...ranges[index % 5]!));
    const [tight, loose] = [5, 1].map((features) => (matrix: Matrix) => {
      const far = matrix.values.map((value, index) => (index % 5 < features ? Math.log1p(Math.abs(value)) : 0));
      return Float64Array.from({ length: matrix.rows }, (_, row) =>
        far.subarray(5 * row, 5 * row + 5).reduce((sum, value) => sum + value, 0),
      );
    });
    const volumeOf90 = ({ mass, volume }: LevelSets) => volume[mass.findIndex((share) => share >= 0.9)]!;
    const setsOf = (score: typeof tight, sample: Matrix) => levelSets(score!(data), score!(sample));
    // One point of a sample of 4,000 in the box would be more than the set has.
    expect(volumeOf90(setsOf(tight, createMatrix(inBox, 5)))).toBeLessThan(1 / 4000);
    expect(volumeOf90(setsOf(tight, reference))).toBeGreaterThan(100 / 4000);
    expect(excessMassArea(setsOf(tight, reference))).toBeGreaterThan(1.2 * excessMassArea(setsOf(loose, reference)));
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
    const drawn = drawConfigurations(space, model.defaultOptions, 50, new Random(5));
    expect(drawn[0]).toBe(model.defaultOptions);
    for (const options of drawn) {
      expect(withDefaults({ [name]: options } as Parameters<typeof withDefaults>[0])[name]).toEqual(options);
    }
    expect(new Set(drawn.map((options) => JSON.stringify(options))).size).toBe(50);
  });

  it('give all they have, each once, where that is less than asked for', () => {
    const space: SearchSpace<{ size: number; kind: string; kept: number }> = {
      size: { kind: 'log-integer', low: 1, high: 3 },
      kind: { kind: 'choice', values: ['a', 'b'] },
    };
    const defaults = { size: 2, kind: 'a', kept: 7 };
    const drawn = drawConfigurations(space, defaults, 50, new Random(1));
    const all = [1, 2, 3].flatMap((size) => ['a', 'b'].map((kind) => ({ size, kind, kept: 7 })));
    expect(drawn).toHaveLength(all.length);
    expect(drawn).toEqual(expect.arrayContaining(all));
    expect(drawConfigurations(space, defaults, 4, new Random(1))).toEqual(drawn.slice(0, 4));
    // Defaults that the space can't give are one more.
    expect(drawConfigurations(space, { ...defaults, size: 9 }, 50, new Random(1))).toHaveLength(all.length + 1);
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
    for (const { criterion, ranking, options, isWholeSpace } of tuned.models) {
      expect(criterion).toBe('excess-mass');
      expect(isWholeSpace).toBe(false);
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

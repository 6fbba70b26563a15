import { describe, expect, it } from 'vitest';
import { chosenModels, DEFAULT_MODEL_OPTIONS, modelSeed, TRAINABLE_MODELS } from './trainable-models.ts';

describe('trainable models', () => {
  it('are registered under their own names', () => {
    expect(Object.values(TRAINABLE_MODELS).map(({ name }) => name)).toEqual(Object.keys(TRAINABLE_MODELS));
  });

  it('are all trained unless told otherwise, each with its own options', () => {
    expect(chosenModels(DEFAULT_MODEL_OPTIONS)).toEqual(
      Object.values(TRAINABLE_MODELS).map((model) => ({ model, options: model.defaultOptions })),
    );
  });

  it('are those that are named, in the order of the registry', () => {
    const options = { nNeighbors: 3, maxReferenceRows: 10 };
    expect(chosenModels({ 'nearest-neighbours': options })).toEqual([
      { model: TRAINABLE_MODELS['nearest-neighbours'], options },
    ]);
  });

  it('have seeds that differ by model and release, and never change', () => {
    const seeds = [1, 2].flatMap((seed) => Object.values(TRAINABLE_MODELS).map(({ name }) => modelSeed(seed, name)));
    expect(new Set(seeds).size).toBe(seeds.length);
    expect(modelSeed(1, 'isolation-forest')).toBe(2_426_714_222);
  });
});

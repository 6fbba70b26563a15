import { FEATURE_NAMES } from '@liminal/shared/contracts/feature-vector';
import type { ReleaseDraft } from '../src/registry/publish-release.ts';

/** A draft with two models whose files depend on `seed`. The bytes stand for ONNX files: nothing here runs them. */
export function releaseDraft(seed: number, overrides: Partial<ReleaseDraft> = {}): ReleaseDraft {
  const outputs = { score: 'score', pValue: 'p_value', tailPValue: 'tail_p_value' };
  return {
    provisional: false,
    models: [
      {
        name: 'isolation-forest',
        bytes: Uint8Array.from({ length: 1_000 }, (_, index) => (index * 31 + seed) & 0xff),
        input: { name: 'features', offset: 0, length: 7 },
        appliesTo: 'every-vector',
        outputs,
        params: { nEstimators: 100, maxSamples: 256 },
        metrics: { fitSeconds: 0.25 },
        seed,
      },
      {
        name: 'lstm',
        bytes: Uint8Array.from({ length: 500 }, (_, index) => (index * 17 + seed) & 0xff),
        input: { name: 'load', offset: 7, length: 33 },
        appliesTo: 'complete-input',
        outputs,
        params: { hidden: 32 },
        metrics: {},
        seed,
      },
    ],
    leftOut: [],
    combination: {
      models: ['isolation-forest', 'lstm'],
      tailScales: Float32Array.of(0.25, 2),
      scores: Float32Array.from({ length: 400 }, (_, index) => (index === 333 ? Number.NaN : index + seed)),
    },
    calibration: { method: 'split-conformal', rows: 200 },
    referenceProfile: {
      rows: 800,
      probabilities: [0, 0.5, 1],
      features: FEATURE_NAMES.map((feature, index) => ({
        feature,
        quantiles: index === 5 ? null : [0, index + 0.5, 10],
        missingRate: index === 5 ? 1 : 0,
      })),
    },
    background: { values: Float32Array.of(1, Number.NaN, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14), columns: 7 },
    trainingData: {
      rows: 1_000,
      users: 40,
      fromTs: 1_763_900_000_000,
      toTs: 1_763_990_000_000,
      sha256: '0'.repeat(64),
    },
    libraries: { node: '24.21.0', 'onnxruntime-node': '1.30.0' },
    ...overrides,
  };
}

import type { Quantity, ShapRecord } from '@liminal/shared/contracts/explanation';
import type { ModelName } from '@liminal/shared/contracts/prediction';
import type { ScoredVector } from '@liminal/shared/release/open-release';
import type { Counterfactual } from '../explain/counterfactual.ts';
import type { LimeExplanation } from '../explain/lime.ts';

export const PERTURBATIONS = ['interventional', 'path-dependent'] as const;
export const METHODS = ['shap', 'lime', 'counterfactual'] as const;
export type Method = (typeof METHODS)[number];
export const COMBINED = 'combined';
export type Target = ModelName | typeof COMBINED;

/** One vector to explain. Crosses threads. */
export interface ExplanationTask {
  /** What models are given of the vector, see `modelInputs`. */
  inputs: Float32Array;
  /** Whose value is explained: a model that takes the features, or all of them together. */
  target: Target;
  quantity: Quantity;
  /** `path-dependent` is for log2_score, which is a sum over trees. */
  perturbation: (typeof PERTURBATIONS)[number];
  methods: readonly Method[];
  /** A counterfactual has a larger p-value. */
  alertRate: number;
}

/** An anomaly as it was scored: what the models were given, `predicted_user_load` filled in, and what they said. */
export interface ScoredAnomaly extends Pick<ScoredVector, 'scores' | 'pValue'> {
  inputs: Float32Array;
}

/** An anomaly on its way into the stream. */
export interface AnomalyTask extends ScoredAnomaly {
  /** Features of earlier vectors of the user, row-major [vectors, 7]; may be empty. */
  history: Float32Array;
}

/** What is stored beside an anomaly. */
export interface EncodedExplanation {
  /** See `encodeExplanation`. */
  bytes: Uint8Array;
  /** What base value and shares miss of the value, see `ShapRecord`. */
  gap: number;
}

/** What comes of it; a part that was not asked for is null. */
export interface VectorExplanation {
  /** Id of the release that was explained. */
  release: string;
  provisional: boolean;
  /** What that release says of the vector. */
  scored: ScoredVector;
  /** Value explained, as served. */
  value: number;
  shap: ShapRecord | null;
  lime: LimeExplanation | null;
  /** Rank correlation of SHAP values and LIME coefficients; null where one of them does not vary. */
  agreement: number | null;
  counterfactual: { found: Counterfactual | null } | null;
}

/** Asked for something that this release, or this vector, does not have. `code` is one of the service's errors. */
export class ExplanationRefusedError extends Error {
  override readonly name = 'ExplanationRefusedError';
  readonly code: 'LIMINAL_ERR_EXPLANATION_NO_NODE_COUNTS' | 'LIMINAL_ERR_EXPLANATION_NOT_APPLICABLE';

  constructor(code: ExplanationRefusedError['code']) {
    super(code);
    this.code = code;
  }
}

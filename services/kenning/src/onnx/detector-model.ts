import type { ConformalCalibration } from '../calibration/conformal.ts';
import { conformalPValueNode, tailPValueNode } from './conformal-p-value.ts';
import { GraphBuilder, type Value } from './graph-builder.ts';
import { imputedFeatures } from './missing-values.ts';
import { rightCensoredFeatures } from './right-censoring.ts';

/** Names of the one input and the outputs of every model file. */
export const FEATURES_INPUT = 'features';
export const SCORE_OUTPUT = 'score';
export const P_VALUE_OUTPUT = 'p_value';
export const TAIL_P_VALUE_OUTPUT = 'tail_p_value';

export interface DetectorModelParts {
  /** What the graph is, e.g. the name of the model. */
  name: string;
  columns: number;
  /** See `rightCensored`; left out where no column is. */
  limits?: Float32Array | undefined;
  /** Median of each training column: what a NaN counts as. Left out for a model that takes NaN itself. */
  medians?: Float32Array | undefined;
  /** Adds the model itself: features [N, columns] → score [N, 1], the last node being called `name`. */
  addScore(graph: GraphBuilder, features: Value, name: string): Value;
  /**
   * Scores of the calibration rows. Left out, the file has no `p_value`: the way to get ONNX Runtime's own scores of
   * the calibration rows, which are the ones to calibrate with, since only they tie exactly with what it serves.
   */
  calibration?: ConformalCalibration;
}

/**
 * One self-contained ONNX file: raw float32 `features` [N, columns] with NaNs → `score` [N, 1], higher = more anomalous,
 * `p_value` [N, 1] and `tail_p_value` [N, 1].
 */
export function detectorModel(parts: DetectorModelParts): Uint8Array<ArrayBuffer> {
  const { name, columns, limits, medians, addScore, calibration } = parts;
  const graph = new GraphBuilder();
  const raw = graph.floatInput(FEATURES_INPUT, ['N', columns]);
  const features = limits ? rightCensoredFeatures(graph, raw, limits) : raw;
  const score = addScore(graph, medians ? imputedFeatures(graph, features, medians) : features, SCORE_OUTPUT);
  graph.floatOutput(score, ['N', 1]);
  if (calibration) {
    const pValue = conformalPValueNode(graph, score, calibration, P_VALUE_OUTPUT);
    graph.floatOutput(pValue, ['N', 1]);
    graph.floatOutput(tailPValueNode(graph, score, pValue, calibration, TAIL_P_VALUE_OUTPUT), ['N', 1]);
  }
  return graph.build(name);
}

import type { ConformalCalibration } from '../calibration/conformal.ts';
import { conformalPValueNode } from './conformal-p-value.ts';
import { GraphBuilder, type Value } from './graph-builder.ts';
import { imputedFeatures } from './missing-values.ts';

/** Names of the one input and the outputs of every model file. */
export const FEATURES_INPUT = 'features';
export const SCORE_OUTPUT = 'score';
export const P_VALUE_OUTPUT = 'p_value';

export interface DetectorModelParts {
  /** What the graph is, e.g. the name of the model. */
  name: string;
  /** Median of each training column: what a NaN counts as. */
  medians: Float32Array;
  /** Adds the model itself: imputed features [N, columns] → score [N, 1], the last node being called `name`. */
  addScore(graph: GraphBuilder, features: Value, name: string): Value;
  /**
   * Scores of the calibration rows. Left out, the file has no `p_value`: the way to get ONNX Runtime's own scores of
   * the calibration rows, which are the ones to calibrate with, since only they tie exactly with what it serves.
   */
  calibration?: ConformalCalibration;
}

/**
 * One self-contained ONNX file: raw float32 `features` [N, columns] with NaNs → `score` [N, 1], higher = more anomalous,
 * and `p_value` [N, 1].
 */
export function detectorModel({ name, medians, addScore, calibration }: DetectorModelParts): Uint8Array<ArrayBuffer> {
  const graph = new GraphBuilder();
  const features = graph.floatInput(FEATURES_INPUT, ['N', medians.length]);
  const score = addScore(graph, imputedFeatures(graph, features, medians), SCORE_OUTPUT);
  graph.floatOutput(score, ['N', 1]);
  if (calibration) graph.floatOutput(conformalPValueNode(graph, score, calibration, P_VALUE_OUTPUT), ['N', 1]);
  return graph.build(name);
}

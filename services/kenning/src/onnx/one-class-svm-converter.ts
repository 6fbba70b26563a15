import { LARGEST_INPUT } from '../detectors/kernel-space.ts';
import type { OneClassSvm } from '../detectors/one-class-svm.ts';
import type { GraphBuilder, Value } from './graph-builder.ts';

/**
 * `features` [N, columns] without NaN → anomaly score [N, 1], named `name`: rho − Σ coefficients·exp(−‖u − v‖²).
 * u is computed as `toKernelSpace` does, to the last bit; infinities are clipped there.
 */
export function oneClassSvmScore(graph: GraphBuilder, features: Value, fitted: OneClassSvm, name: string): Value {
  const points = kernelSpaceNodes(graph, features, fitted);
  return cancellationError(fitted) <= LARGEST_CANCELLATION_ERROR
    ? kernelSumNodes(graph, points, fitted, name)
    : svmRegressorNode(graph, points, fitted, name);
}

function kernelSpaceNodes(graph: GraphBuilder, features: Value, { space, columns }: OneClassSvm): Value {
  const scalar = (constant: string, value: number) => graph.floatConstant(constant, Float32Array.of(value), []);
  const limited = graph.node('Clip', [
    features,
    scalar('smallest_input', -LARGEST_INPUT),
    scalar('largest_input', LARGEST_INPUT),
  ]);
  const centred = graph.node('Sub', [limited, graph.floatConstant('kernel_mean', space.mean, [1, columns])]);
  const scaled = graph.node('Div', [centred, graph.floatConstant('kernel_scale', space.scale, [1, columns])]);
  return graph.node('Clip', [scaled, scalar('smallest_point', -space.clip), scalar('largest_point', space.clip)]);
}

/**
 * −‖u − v‖² = 2u·v − ‖u‖² − ‖v‖² as one matrix product, [u, ‖u‖²] · [2v; −1] + (−‖v‖²).
 *
 * Measured beside SVMRegressor on 7 columns, one thread, µs a run at batch 1 / 32 / 1024:
 * 256 support vectors 26 / 32 / 436 (SVMRegressor 22 / 82 / 3631), 5,000 support vectors 40 / 288 / 8729 (58 / 2192 / 43542).
 * Subtracting ‖u‖² from the product instead takes 10 to 30% longer at batch 1024: one more pass over [N, support vectors].
 */
function kernelSumNodes(graph: GraphBuilder, points: Value, fitted: OneClassSvm, name: string): Value {
  const { columns, supportVectors, coefficients, rho } = fitted;
  const count = coefficients.length;
  const factors = new Float32Array((columns + 1) * count).fill(-1);
  const negatedNorms = new Float32Array(count);
  for (let support = 0; support < count; support++) {
    let norm = 0;
    for (let column = 0; column < columns; column++) {
      const value = supportVectors[support * columns + column]!;
      factors[column * count + support] = 2 * value;
      norm += value * value;
    }
    negatedNorms[support] = -norm;
  }
  const norms = graph.node('ReduceSumSquare', [points], { attributes: { axes: { ints: [1] }, keepdims: { int: 1 } } });
  const extended = graph.node('Concat', [points, norms], { attributes: { axis: { int: 1 } } });
  const exponents = graph.node('Gemm', [
    extended,
    graph.floatConstant('support_vectors', factors, [columns + 1, count]),
    graph.floatConstant('support_norms', negatedNorms, [count]),
  ]);
  const negated = Float32Array.from(coefficients, (coefficient) => -coefficient);
  const inputs = [
    graph.node('Exp', [exponents]),
    graph.floatConstant('coefficients', negated, [count, 1]),
    graph.floatConstant('rho', Float32Array.of(rho), [1]),
  ];
  return graph.node('Gemm', inputs, { name });
}

/** The same by differences, one support vector after the other. */
function svmRegressorNode(graph: GraphBuilder, points: Value, fitted: OneClassSvm, name: string): Value {
  const decision = graph.node('SVMRegressor', [points], {
    domain: 'ai.onnx.ml',
    attributes: {
      kernel_type: { string: 'RBF' },
      kernel_params: { floats: [1, 0, 0] },
      // 1 would give the sign of the decision value and not the value.
      one_class: { int: 0 },
      n_supports: { int: fitted.coefficients.length },
      support_vectors: { floats: fitted.supportVectors },
      coefficients: { floats: fitted.coefficients },
      rho: { floats: [-fitted.rho] },
      post_transform: { string: 'NONE' },
    },
  });
  return graph.node('Neg', [decision], { name });
}

/** A tenth of what a score in ONNX Runtime may differ. */
const LARGEST_CANCELLATION_ERROR = 1e-6;
const FLOAT32_EPSILON = 2 ** -24;

/**
 * What the matrix product loses. Near a support vector v, ‖u‖² + ‖v‖² − 2u·v cancels and is off by about ε·‖v‖², which the
 * coefficient weighs; further away the kernel is small and so is the error. As the sum over all support vectors can't be
 * reached at once and signs mix, the root of the sum of squares stands for it.
 */
export function cancellationError({ supportVectors, coefficients, columns }: OneClassSvm): number {
  let squares = 0;
  for (let support = 0; support < coefficients.length; support++) {
    let norm = 0;
    for (let column = 0; column < columns; column++) norm += supportVectors[support * columns + column]! ** 2;
    squares += (coefficients[support]! * norm) ** 2;
  }
  return 4 * FLOAT32_EPSILON * Math.sqrt(squares);
}

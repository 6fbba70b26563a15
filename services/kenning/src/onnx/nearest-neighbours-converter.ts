import type { NearestNeighbours } from '../detectors/nearest-neighbours.ts';
import type { GraphBuilder, Value } from './graph-builder.ts';
import { standardisedFeatures } from './standardisation.ts';
import { dataTypeOf, type ElementType } from './tensor-type.ts';

/**
 * `features` [N, columns] without NaN → distance to the last of the nearest reference rows [N, 1], named `name`.
 *
 * Squared distances as |x|² − 2x·r + |r|², one matrix product for all reference rows. That subtracts numbers that are
 * nearly equal where a row lies close to a reference row: in float32 two rows at distance 0 would come out up to 1e-3
 * apart. In float64 the same costs 1e-7, which is below what the scores are checked to.
 */
export function nearestNeighboursScore(
  graph: GraphBuilder,
  features: Value,
  fitted: NearestNeighbours,
  name: string,
): Value {
  const { referenceRows, columns, nNeighbors } = fitted;
  const references = referenceRows.length / columns;
  const double = (constant: string, value: number): Value => graph.constant(constant, 'float64', [value], []);
  const rows = cast(graph, standardisedFeatures(graph, features, fitted), 'float64');
  // float32 holds the reference rows exactly in half the space.
  const transposed = graph.floatConstant('reference_rows', transpose(referenceRows, columns), [columns, references]);
  const referenceColumns = cast(graph, transposed, 'float64');
  // |r|² is one more row of the reference columns, taken once: added to the product it would cost half as much again.
  const normed = concat(graph, [referenceColumns, squaredNorms(graph, referenceColumns, 0)], 0);
  const doubled = graph.node('Mul', [rows, double('minus_two', -2)]);
  const one = graph.constant('one_more_column', 'int64', [0, 0, 0, 1], [4]);
  const withOne = graph.node('Pad', [doubled, one, double('one', 1)]);
  // |x|² is the same for all reference rows of a row, so that it can wait until the nearest are known.
  const beside = graph.node('MatMul', [withOne, normed]);
  const count = graph.constant('n_neighbors', 'int64', [nNeighbors], [1]);
  const [nearest] = graph.nodes('TopK', [beside, count], 2, {
    attributes: { axis: { int: 1 }, largest: { int: 0 }, sorted: { int: 0 } },
  });
  const squares = graph.node('Add', [nearest!, squaredNorms(graph, rows, 1)]);
  const furthest = graph.node('ReduceMax', [squares], { attributes: { axes: { ints: [1] }, keepdims: { int: 1 } } });
  const distance = graph.node('Sqrt', [graph.node('Max', [furthest, double('zero', 0)])]);
  return cast(graph, distance, 'float32', name);
}

function squaredNorms(graph: GraphBuilder, vectors: Value, axis: number): Value {
  return graph.node('ReduceSumSquare', [vectors], { attributes: { axes: { ints: [axis] }, keepdims: { int: 1 } } });
}

function concat(graph: GraphBuilder, values: Value[], axis: number): Value {
  return graph.node('Concat', values, { attributes: { axis: { int: axis } } });
}

function cast(graph: GraphBuilder, value: Value, type: ElementType, name?: string): Value {
  const attributes = { to: { int: dataTypeOf(type) } };
  return graph.node('Cast', [value], { attributes, ...(name !== undefined && { name }) });
}

function transpose(values: Float32Array, columns: number): Float32Array {
  const rows = values.length / columns;
  return values.map((_, index) => values[(index % rows) * columns + Math.floor(index / rows)]!);
}

import type { Dimension } from '../onnx/graph-builder.ts';

/** Sizes of the axes, outermost first; `[]` is a scalar. A text is a size that is known at run time only. */
export type Shape = readonly Dimension[];

/** Throws `RangeError` for a size that is known at run time only. */
export function staticSize(dimension: Dimension): number {
  if (typeof dimension === 'number') return dimension;
  throw new RangeError(`the size ${dimension} must be known when the graph is built`);
}

/** Throws `RangeError` where a size is known at run time only. */
export function staticShape(shape: Shape): number[] {
  return shape.map(staticSize);
}

export function isStatic(shape: Shape): boolean {
  return shape.every((dimension) => typeof dimension === 'number');
}

export function elementCount(shape: Shape): number {
  return staticShape(shape).reduce((product, size) => product * size, 1);
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dimension, axis) => dimension === b[axis]);
}

/** The shape of an elementwise result (NumPy's broadcasting). Throws `RangeError` where the shapes don't fit. */
export function broadcastShape(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const left = a[axis - rank + a.length] ?? 1;
    const right = b[axis - rank + b.length] ?? 1;
    if (left !== right && left !== 1 && right !== 1) throw new RangeError(`shapes [${a}] and [${b}] don't fit`);
    return left === 1 ? right : left;
  });
}

/** Axes of `wide` along which a tensor of shape `narrow` was repeated to fill it. */
export function broadcastAxes(wide: Shape, narrow: Shape): number[] {
  const added = wide.length - narrow.length;
  return wide.flatMap((dimension, axis) =>
    axis < added || (narrow[axis - added] === 1 && dimension !== 1) ? [axis] : [],
  );
}

/** `shape` without the given axes, or with 1 in their place. */
export function reducedShape(shape: Shape, axes: readonly number[], keepDimensions: boolean): Shape {
  return shape.flatMap((dimension, axis) => (axes.includes(axis) ? (keepDimensions ? [1] : []) : [dimension]));
}

/** `shape` with another size on one axis. */
export function withSize(shape: Shape, axis: number, size: Dimension): Shape {
  return shape.with(axis, size);
}

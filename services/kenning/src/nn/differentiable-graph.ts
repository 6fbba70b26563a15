import { type Attribute, type ElementType, GraphBuilder, type Value } from '../onnx/graph-builder.ts';
import { dataTypeOf } from '../onnx/tensor-type.ts';
import type { Operation } from './operation.ts';
import { broadcastAxes, elementCount, reducedShape, type Shape, sameShape, staticShape } from './shape.ts';

/** A value of known type and shape in a differentiable graph. */
export interface Tensor extends Value {
  readonly graph: DifferentiableGraph;
  readonly type: ElementType;
  readonly shape: Shape;
  /** Whether it depends on something that gradients can be asked for. */
  readonly isDifferentiable: boolean;
}

export type FloatType = Extract<ElementType, 'float32' | 'float64'>;

export interface InputOptions {
  /** The graph's float type unless given. */
  type?: ElementType;
  /** Whether gradients can be asked for; false unless given. */
  isDifferentiable?: boolean;
}

interface TapeEntry {
  inputs: readonly Tensor[];
  outputs: readonly Tensor[];
  backward(gradients: readonly (Tensor | undefined)[]): readonly (() => Tensor)[];
}

/** Up to this many elements a constant is looked up, so that a number used at every step is there once. */
const SHARED_CONSTANT_SIZE = 8;

/**
 * A graph of standard ONNX operators with reverse-mode automatic differentiation (Griewank & Walther 2008, ch. 3): operations
 * go on a tape, and `gradients` walks it backwards, adding more standard operators. Arithmetic is in `floatType`: float32
 * to train, float64 to check gradients.
 */
export class DifferentiableGraph {
  readonly floatType: FloatType;
  readonly builder: GraphBuilder;
  /** 0 for the model's graph, 1 for a subgraph of it, and so on. */
  readonly depth: number;
  readonly #tape: TapeEntry[] = [];
  readonly #constants = new Map<string, Tensor>();
  readonly #prefix: string;
  #constantCount = 0;
  #isRecording = true;

  constructor(floatType: FloatType = 'float32', inside?: { builder: GraphBuilder; depth: number; prefix: string }) {
    this.floatType = floatType;
    this.builder = inside?.builder ?? new GraphBuilder();
    this.depth = inside?.depth ?? 0;
    this.#prefix = inside?.prefix ?? '';
  }

  /** See `GraphBuilder.subgraph`. Gradients are asked for in the graph that holds the operations. */
  subgraph(name: string): DifferentiableGraph {
    return new DifferentiableGraph(this.floatType, {
      builder: this.builder.subgraph(name),
      depth: this.depth + 1,
      prefix: `${this.#prefix}${name}/`,
    });
  }

  input(name: string, shape: Shape, { type = this.floatType, isDifferentiable = false }: InputOptions = {}): Tensor {
    const { name: added } = this.builder.input(name, type, shape);
    return { name: added, graph: this, type, shape, isDifferentiable };
  }

  constant(values: ArrayLike<number>, shape: readonly number[], type: ElementType = this.floatType): Tensor {
    const key = values.length <= SHARED_CONSTANT_SIZE ? `${type}|${shape}|${Array.from(values)}` : '';
    const shared = this.#constants.get(key);
    if (shared) return shared;
    const { name } = this.builder.constant(`${this.#prefix}constant_${this.#constantCount++}`, type, values, shape);
    const constant: Tensor = { name, graph: this, type, shape, isDifferentiable: false };
    if (key !== '') this.#constants.set(key, constant);
    return constant;
  }

  scalar(value: number): Tensor {
    return this.constant([value], []);
  }

  zeros(shape: Shape): Tensor {
    return this.constant(new Float64Array(elementCount(shape)), staticShape(shape));
  }

  /** int64 [n], as operators take axes, sizes and positions. */
  integers(values: readonly number[]): Tensor {
    return this.constant(values, [values.length], 'int64');
  }

  /** Adds a node that no gradient flows through. `type` is the outputs' one: that of the first input unless given. */
  emit(
    opType: string,
    inputs: readonly Tensor[],
    shapes: readonly Shape[],
    { attributes = {}, type = inputs[0]!.type }: { attributes?: Record<string, Attribute>; type?: ElementType } = {},
  ): Tensor[] {
    return this.#emit(opType, inputs, shapes, attributes, type, false);
  }

  /** Adds an operation that gradients flow through. */
  apply<Parameters>(operation: Operation<Parameters>, inputs: readonly Tensor[], parameters: Parameters): Tensor[] {
    const step = { graph: this, inputs, parameters };
    const { opType, inputs: nodeInputs, attributes = {} } = operation.forward(step);
    const isDifferentiable = this.#isRecording && inputs.some((input) => input.isDifferentiable);
    const outputs = this.#emit(
      opType,
      nodeInputs,
      operation.shapes(step),
      attributes,
      inputs[operation.typedBy ?? 0]!.type,
      isDifferentiable,
    );
    if (isDifferentiable) {
      const backward: TapeEntry['backward'] = (gradients) => operation.backward({ ...step, outputs, gradients });
      this.#tape.push({ inputs, outputs, backward });
    }
    return outputs;
  }

  /** x as another element type. No gradient flows through. */
  cast(x: Tensor, type: ElementType): Tensor {
    return this.emit('Cast', [x], [x.shape], { attributes: { to: { int: dataTypeOf(type) } }, type })[0]!;
  }

  output(tensor: Tensor, name: string): void {
    this.builder.output(this.builder.node('Identity', [tensor], { name }), tensor.type, tensor.shape);
  }

  build(name: string): Uint8Array<ArrayBuffer> {
    return this.builder.build(name);
  }

  /**
   * d `loss` / d source for each of `sources`, in their shapes; zeros where the loss does not depend on one. `loss` is a
   * scalar. The nodes added here can't be differentiated once more.
   */
  gradients(loss: Tensor, sources: readonly Tensor[]): Tensor[] {
    if (loss.shape.length !== 0) throw new RangeError(`gradients are of a scalar, not of shape [${loss.shape}]`);
    const parts = new Map<string, Tensor[]>([[loss.name, [this.scalar(1)]]]);
    const total = ({ name, shape }: Tensor): Tensor | undefined => {
      const gradients = parts.get(name);
      if (gradients === undefined || gradients.length === 1) return gradients?.[0];
      const [sum] = this.emit('Sum', gradients, [shape]);
      parts.set(name, [sum!]);
      return sum;
    };
    this.#isRecording = false;
    try {
      for (const { inputs, outputs, backward } of this.#tape.toReversed()) {
        const gradients = outputs.map(total);
        if (gradients.every((gradient) => gradient === undefined)) continue;
        backward(gradients).forEach((gradientOf, index) => {
          const input = inputs[index]!;
          if (!input.isDifferentiable) return;
          const part = this.#sumTo(gradientOf(), input.shape);
          parts.set(input.name, [...(parts.get(input.name) ?? []), part]);
        });
      }
      return sources.map((source) => total(source) ?? this.zeros(source.shape));
    } finally {
      this.#isRecording = true;
    }
  }

  #emit(
    opType: string,
    inputs: readonly Tensor[],
    shapes: readonly Shape[],
    attributes: Record<string, Attribute>,
    type: ElementType,
    isDifferentiable: boolean,
  ): Tensor[] {
    const values =
      shapes.length === 1
        ? [this.builder.node(opType, inputs, { attributes })]
        : this.builder.nodes(opType, inputs, shapes.length, { attributes });
    return values.map(({ name }, index) => ({ name, graph: this, type, shape: shapes[index]!, isDifferentiable }));
  }

  /** What was broadcast from `shape`, summed back to it. */
  #sumTo(gradient: Tensor, shape: Shape): Tensor {
    if (sameShape(gradient.shape, shape)) return gradient;
    const axes = broadcastAxes(gradient.shape, shape);
    const added = gradient.shape.length - shape.length;
    const keepDimensions = added === 0;
    const [sum] = this.emit(
      'ReduceSum',
      [gradient, this.integers(axes)],
      [reducedShape(gradient.shape, axes, keepDimensions)],
      { attributes: { keepdims: { int: keepDimensions ? 1 : 0 } } },
    );
    if (sameShape(sum!.shape, shape)) return sum!;
    return this.emit('Reshape', [sum!, this.integers(staticShape(shape))], [shape])[0]!;
  }
}

import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import {
  AttributeProto_AttributeType,
  type AttributeProtoSchema,
  type GraphProtoSchema,
  ModelProtoSchema,
  TensorProto_DataType,
  type TensorProtoSchema,
  type ValueInfoProtoSchema,
} from './onnx-ml_pb.ts';

type AttributeInit = MessageInitShape<typeof AttributeProtoSchema>;
type GraphInit = MessageInitShape<typeof GraphProtoSchema>;
type NodeInit = NonNullable<GraphInit['node']>[number];
type TensorInit = MessageInitShape<typeof TensorProtoSchema>;
type ValueInfoInit = MessageInitShape<typeof ValueInfoProtoSchema>;

/** A node attribute without its name. */
export type Attribute =
  | { int: number }
  | { ints: ArrayLike<number> }
  | { float: number }
  | { floats: ArrayLike<number> }
  | { string: string }
  | { strings: readonly string[] };

/** A value in the graph: an input, a constant, or what a node gives. */
export interface Value {
  readonly name: string;
}

/** A number is a fixed size, a text names a size that is known at run time only. */
export type Dimension = number | string;

export interface NodeOptions {
  attributes?: Record<string, Attribute>;
  /** Operator set; the standard `ai.onnx` unless given. */
  domain?: 'ai.onnx.ml';
  /** Name of the value the node gives, for outputs of the graph. */
  name?: string;
}

/** Numbers of element types, for the attribute `to` of Cast. */
export const FLOAT = TensorProto_DataType.FLOAT;
export const INT64 = TensorProto_DataType.INT64;
export const DOUBLE = TensorProto_DataType.DOUBLE;

const IR_VERSION = 8n;
const OPSETS = [
  { domain: '', version: 17n },
  { domain: 'ai.onnx.ml', version: 3n },
];
const PRODUCER = 'liminal-kenning';
const UTF8 = new TextEncoder();

/**
 * Builds an ONNX model (IR 8, ai.onnx 17, ai.onnx.ml 3) node by node, in the order in which they run. Nothing that varies
 * goes in (names are counted, no time, no version of anything installed): the same calls give the same bytes.
 */
export class GraphBuilder {
  readonly #nodes: NodeInit[] = [];
  readonly #initializers: TensorInit[] = [];
  readonly #inputs: ValueInfoInit[] = [];
  readonly #outputs: ValueInfoInit[] = [];
  readonly #names = new Set<string>();

  floatInput(name: string, shape: readonly Dimension[]): Value {
    this.#inputs.push(floatValueInfo(name, shape));
    return this.#named(name);
  }

  /** A float32 constant; `shape` `[]` is a scalar. */
  floatConstant(name: string, values: Float32Array, shape: readonly number[]): Value {
    const size = shape.reduce((product, dimension) => product * dimension, 1);
    if (size !== values.length) throw new RangeError(`${values.length} values don't fill the shape [${shape}]`);
    this.#initializers.push({
      name,
      dims: shape.map(BigInt),
      dataType: TensorProto_DataType.FLOAT,
      rawData: littleEndianBytes(values),
    });
    return this.#named(name);
  }

  /** A node with one output. */
  node(opType: string, inputs: readonly Value[], { name, ...options }: NodeOptions = {}): Value {
    const output = this.#named(name ?? `${opType}_${this.#nodes.length}`);
    this.#addNode(opType, inputs, [output], options);
    return output;
  }

  /** A node with several outputs, in the order of its operator. */
  nodes(
    opType: string,
    inputs: readonly Value[],
    outputs: number,
    options: Omit<NodeOptions, 'name'> = {},
  ): readonly Value[] {
    const values = Array.from({ length: outputs }, (_, index) =>
      this.#named(`${opType}_${this.#nodes.length}_${index}`),
    );
    this.#addNode(opType, inputs, values, options);
    return values;
  }

  floatOutput(value: Value, shape: readonly Dimension[]): void {
    this.#outputs.push(floatValueInfo(value.name, shape));
  }

  /** The model file. `name` says what the graph is. */
  build(name: string): Uint8Array<ArrayBuffer> {
    const model = create(ModelProtoSchema, {
      irVersion: IR_VERSION,
      producerName: PRODUCER,
      opsetImport: OPSETS,
      graph: {
        name,
        node: this.#nodes,
        initializer: this.#initializers,
        input: this.#inputs,
        output: this.#outputs,
      },
    });
    return toBinary(ModelProtoSchema, model);
  }

  #addNode(
    opType: string,
    inputs: readonly Value[],
    outputs: readonly Value[],
    { attributes = {}, domain }: Omit<NodeOptions, 'name'>,
  ): void {
    this.#nodes.push({
      name: `${opType}_${this.#nodes.length}`,
      opType,
      input: inputs.map((input) => input.name),
      output: outputs.map((output) => output.name),
      attribute: Object.entries(attributes).map(([key, attribute]) => ({ name: key, ...attributeFields(attribute) })),
      ...(domain && { domain }),
    });
  }

  #named(name: string): Value {
    if (this.#names.has(name)) throw new Error(`the graph has a value ${name} already`);
    this.#names.add(name);
    return { name };
  }
}

function attributeFields(attribute: Attribute): AttributeInit {
  if ('int' in attribute) return { type: AttributeProto_AttributeType.INT, i: BigInt(attribute.int) };
  if ('ints' in attribute) {
    return { type: AttributeProto_AttributeType.INTS, ints: Array.from(attribute.ints, BigInt) };
  }
  if ('float' in attribute) return { type: AttributeProto_AttributeType.FLOAT, f: attribute.float };
  if ('floats' in attribute) {
    return { type: AttributeProto_AttributeType.FLOATS, floats: Array.from(attribute.floats) };
  }
  if ('string' in attribute) return { type: AttributeProto_AttributeType.STRING, s: UTF8.encode(attribute.string) };
  return { type: AttributeProto_AttributeType.STRINGS, strings: attribute.strings.map((text) => UTF8.encode(text)) };
}

function floatValueInfo(name: string, shape: readonly Dimension[]): ValueInfoInit {
  const dim = shape.map((dimension) => ({
    value:
      typeof dimension === 'number'
        ? { case: 'dimValue' as const, value: BigInt(dimension) }
        : { case: 'dimParam' as const, value: dimension },
  }));
  const tensorType = { elemType: TensorProto_DataType.FLOAT, shape: { dim } };
  return { name, type: { value: { case: 'tensorType', value: tensorType } } };
}

/** ONNX raw data is little-endian on every machine. */
function littleEndianBytes(values: Float32Array): Uint8Array {
  const bytes = new Uint8Array(values.byteLength);
  const view = new DataView(bytes.buffer);
  values.forEach((value, index) => {
    view.setFloat32(index * Float32Array.BYTES_PER_ELEMENT, value, true);
  });
  return bytes;
}

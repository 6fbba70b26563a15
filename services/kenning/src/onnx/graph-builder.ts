import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import {
  AttributeProto_AttributeType,
  type AttributeProtoSchema,
  type GraphProtoSchema,
  ModelProtoSchema,
  type TensorProtoSchema,
  type ValueInfoProtoSchema,
} from '@liminal/shared/onnx/onnx-ml_pb';
import { type Dimension, type ElementType, tensorConstant, valueInfo } from './tensor-type.ts';

export type { Dimension, ElementType } from './tensor-type.ts';

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
  | { strings: readonly string[] }
  /** A graph made by `subgraph`, e.g. the body of a Loop. */
  | { graph: GraphBuilder };

/** A value in the graph: an input, a constant, or what a node gives. */
export interface Value {
  readonly name: string;
}

export interface NodeOptions {
  attributes?: Record<string, Attribute>;
  /** Operator set; the standard `ai.onnx` unless given. */
  domain?: 'ai.onnx.ml';
  /** Name of the value the node gives, for outputs of the graph. */
  name?: string;
}

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
  readonly #metadata = new Map<string, string>();
  #names = new Set<string>();
  #prefix = '';

  /**
   * The graph of an attribute (`{ graph }`), such as the body of a Loop. Its nodes may use every value of this graph that
   * is there before the node that holds it. `name` must be new; it begins the counted names in the subgraph, since ONNX
   * wants names unique over both.
   */
  subgraph(name: string): GraphBuilder {
    const graph = new GraphBuilder();
    graph.#names = this.#names;
    graph.#prefix = this.#named(name).name + '/';
    return graph;
  }

  input(name: string, type: ElementType, shape: readonly Dimension[]): Value {
    this.#inputs.push(valueInfo(name, type, shape));
    return this.#named(name);
  }

  floatInput(name: string, shape: readonly Dimension[]): Value {
    return this.input(name, 'float32', shape);
  }

  /** `shape` `[]` is a scalar; 0 and 1 stand for false and true. Throws `RangeError` where values don't fill the shape. */
  constant(name: string, type: ElementType, values: ArrayLike<number>, shape: readonly number[]): Value {
    this.#initializers.push(tensorConstant(name, type, values, shape));
    return this.#named(name);
  }

  /** A float32 constant; `shape` `[]` is a scalar. */
  floatConstant(name: string, values: Float32Array, shape: readonly number[]): Value {
    return this.constant(name, 'float32', values, shape);
  }

  /** A node with one output. An input that is `undefined` is an optional one that is left out. */
  node(opType: string, inputs: readonly (Value | undefined)[], options: NodeOptions = {}): Value {
    return this.#add(opType, inputs, [options.name ?? this.#nextName(opType)], options)[0]!;
  }

  /** A node with `outputs` outputs. */
  nodes(
    opType: string,
    inputs: readonly (Value | undefined)[],
    outputs: number,
    options: Omit<NodeOptions, 'name'> = {},
  ): Value[] {
    const names = Array.from({ length: outputs }, (_, index) => `${this.#nextName(opType)}_${index}`);
    return this.#add(opType, inputs, names, options);
  }

  output(value: Value, type: ElementType, shape: readonly Dimension[]): void {
    this.#outputs.push(valueInfo(value.name, type, shape));
  }

  floatOutput(value: Value, shape: readonly Dimension[]): void {
    this.output(value, 'float32', shape);
  }

  /** A text that goes with the model (`metadata_props`); setting a key again replaces its text. */
  metadata(key: string, text: string): void {
    this.#metadata.set(key, text);
  }

  /** The model file. `name` says what the graph is. */
  build(name: string): Uint8Array<ArrayBuffer> {
    const model = create(ModelProtoSchema, {
      irVersion: IR_VERSION,
      producerName: PRODUCER,
      opsetImport: OPSETS,
      graph: this.#graph(name),
      metadataProps: Array.from(this.#metadata, ([key, value]) => ({ key, value })),
    });
    return toBinary(ModelProtoSchema, model);
  }

  #add(
    opType: string,
    inputs: readonly (Value | undefined)[],
    names: readonly string[],
    { attributes = {}, domain }: NodeOptions,
  ): Value[] {
    const name = this.#nextName(opType);
    const outputs = names.map((output) => this.#named(output));
    this.#nodes.push({
      name,
      opType,
      input: inputs.map((input) => input?.name ?? ''),
      output: [...names],
      attribute: Object.entries(attributes).map(([key, attribute]) => this.#attribute(key, attribute)),
      ...(domain && { domain }),
    });
    return outputs;
  }

  #attribute(name: string, attribute: Attribute): AttributeInit {
    if (!('graph' in attribute)) return { name, ...attributeFields(attribute) };
    return { name, type: AttributeProto_AttributeType.GRAPH, g: attribute.graph.#graph(name) };
  }

  #graph(name: string): GraphInit {
    return {
      name,
      node: this.#nodes,
      initializer: this.#initializers,
      input: this.#inputs,
      output: this.#outputs,
    };
  }

  #nextName(opType: string): string {
    return `${this.#prefix}${opType}_${this.#nodes.length}`;
  }

  #named(name: string): Value {
    if (this.#names.has(name)) throw new Error(`the graph has a value ${name} already`);
    this.#names.add(name);
    return { name };
  }
}

function attributeFields(attribute: Exclude<Attribute, { graph: GraphBuilder }>): AttributeInit {
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

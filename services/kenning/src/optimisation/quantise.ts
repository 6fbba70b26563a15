import { create, type MessageInitShape } from '@bufbuild/protobuf';
import {
  AttributeProto_AttributeType,
  type GraphProto,
  GraphProtoSchema,
  NodeProtoSchema,
  TensorProto_DataType,
  TensorProtoSchema,
} from '@liminal/shared/onnx/onnx-ml_pb';
import { denseNodes, modelBytes, parseModel } from '../onnx/model-rewrite.ts';
import { valueInfo } from '../onnx/tensor-type.ts';

/** Smallest and largest value that went into a layer over the calibration rows. */
export interface ActivationRange {
  low: number;
  high: number;
}

const INT8_MAX = 127;
/**
 * Of weights that are multiplied in integers: processors without VNNI add the products of two uint8 and int8 values in
 * int16, which saturates beyond 2 · 255 · 64 (ONNX Runtime calls this a reduced range).
 */
const INT8_MAX_IN_INTEGERS = 64;
const UINT8_MAX = 255;

/** Names of the values that go into the dense layers of a file, each once; empty where it has none. */
export function layerInputs(file: Uint8Array): string[] {
  const { graph } = parseModel(file);
  return graph === undefined ? [] : [...new Set(denseNodes(graph).map(({ input }) => input))];
}

/** The file with those values among its outputs, so that a run over calibration rows shows their ranges. */
export function withLayerInputs(file: Uint8Array): Uint8Array<ArrayBuffer> {
  const model = parseModel(file);
  const graph = model.graph!;
  const names = new Set(graph.output.map(({ name }) => name));
  for (const { input, inputs } of denseNodes(graph)) {
    if (names.has(input)) continue;
    names.add(input);
    const [added] = create(GraphProtoSchema, { output: [valueInfo(input, 'float32', ['N', inputs])] }).output;
    graph.output.push(added!);
  }
  return modelBytes(model);
}

/**
 * The file with int8 weights in its dense layers: symmetric, one scale a column (an output unit), −127…127 so that both
 * sides have the same steps; `DequantizeLinear` gives them back as float32. Needs no calibration.
 */
export function quantiseWeights(file: Uint8Array): Uint8Array<ArrayBuffer> {
  const model = parseModel(file);
  quantiseLayerWeights(model.graph!, INT8_MAX);
  return modelBytes(model);
}

/**
 * As `quantiseWeights`, but with weights of −64…64, and the values that go into each layer are quantised to uint8 by
 * `QuantizeLinear` and `DequantizeLinear` with the given ranges (static quantisation in the QDQ form, which runtimes may
 * compute in integers).
 * Values beyond a range saturate. Throws `RangeError` where a range is missing.
 */
export function quantiseStatically(
  file: Uint8Array,
  ranges: ReadonlyMap<string, ActivationRange>,
): Uint8Array<ArrayBuffer> {
  const model = parseModel(file);
  const graph = model.graph!;
  const quantised = new Map<string, string>();
  for (const { node, input } of denseNodes(graph)) {
    const range = ranges.get(input);
    if (range === undefined) throw new RangeError(`there is no range of ${input}`);
    const known = quantised.get(input) ?? quantiseActivation(graph, input, range, graph.node.indexOf(node));
    quantised.set(input, known);
    node.input[0] = known;
  }
  quantiseLayerWeights(graph, INT8_MAX_IN_INTEGERS);
  return modelBytes(model);
}

/** The file with the weights of its dense layers in float16, cast to float32 where they are used. */
export function storeWeightsInHalf(file: Uint8Array): Uint8Array<ArrayBuffer> {
  const model = parseModel(file);
  const graph = model.graph!;
  for (const { node, weight, values } of denseNodes(graph)) {
    const name = `${weight.name}_float16`;
    const half = Float16Array.from(values);
    replaceConstant(graph, weight.name, [
      constant(name, TensorProto_DataType.FLOAT16, weight.dims.map(Number), new Uint8Array(half.buffer)),
    ]);
    const to = { name: 'to', type: AttributeProto_AttributeType.INT, i: BigInt(TensorProto_DataType.FLOAT) };
    insertNode(graph, graph.node.indexOf(node), 'Cast', [name], weight.name, [to]);
  }
  return modelBytes(model);
}

function quantiseLayerWeights(graph: GraphProto, most: number): void {
  for (const { node, weight, inputs, outputs, values } of denseNodes(graph)) {
    const scales = new Float32Array(outputs);
    for (let index = 0; index < values.length; index++) {
      const column = index % outputs;
      scales[column] = Math.max(scales[column]!, Math.abs(values[index]!) / most);
    }
    // A unit without weights: any scale gives back its zeros.
    for (let column = 0; column < outputs; column++) scales[column] ||= 1;
    const quantised = Int8Array.from(values, (value, index) => Math.round(value / scales[index % outputs]!));
    const { name } = weight;
    replaceConstant(graph, name, [
      constant(`${name}_int8`, TensorProto_DataType.INT8, [inputs, outputs], new Uint8Array(quantised.buffer)),
      constant(`${name}_scale`, TensorProto_DataType.FLOAT, [outputs], littleEndian(scales)),
      constant(`${name}_zero_point`, TensorProto_DataType.INT8, [outputs], new Uint8Array(outputs)),
    ]);
    insertNode(
      graph,
      graph.node.indexOf(node),
      'DequantizeLinear',
      [`${name}_int8`, `${name}_scale`, `${name}_zero_point`],
      name,
      [{ name: 'axis', type: AttributeProto_AttributeType.INT, i: 1n }],
    );
  }
}

/** Adds the pair of nodes and gives the name of the value that comes out of it. */
function quantiseActivation(graph: GraphProto, name: string, range: ActivationRange, position: number): string {
  // 0 must be exact: it is what a missing value and a silent unit are.
  const low = Math.min(range.low, 0);
  const high = Math.max(range.high, 0);
  const scale = (high - low) / UINT8_MAX || 1;
  const zeroPoint = Math.min(Math.max(Math.round(-low / scale), 0), UINT8_MAX);
  graph.initializer.push(
    create(
      TensorProtoSchema,
      constant(`${name}_scale`, TensorProto_DataType.FLOAT, [], littleEndian(Float32Array.of(scale))),
    ),
    create(TensorProtoSchema, constant(`${name}_zero_point`, TensorProto_DataType.UINT8, [], Uint8Array.of(zeroPoint))),
  );
  const parameters = [`${name}_scale`, `${name}_zero_point`];
  insertNode(graph, position, 'QuantizeLinear', [name, ...parameters], `${name}_uint8`);
  insertNode(graph, position + 1, 'DequantizeLinear', [`${name}_uint8`, ...parameters], `${name}_dequantised`);
  return `${name}_dequantised`;
}

type TensorInit = MessageInitShape<typeof TensorProtoSchema>;
type NodeInit = MessageInitShape<typeof NodeProtoSchema>;

function constant(
  name: string,
  dataType: TensorProto_DataType,
  dims: readonly number[],
  rawData: Uint8Array<ArrayBuffer>,
): TensorInit {
  return { name, dataType, dims: dims.map(BigInt), rawData };
}

function replaceConstant(graph: GraphProto, name: string, replacements: readonly TensorInit[]): void {
  const position = graph.initializer.findIndex((tensor) => tensor.name === name);
  graph.initializer.splice(position, 1, ...replacements.map((tensor) => create(TensorProtoSchema, tensor)));
}

function insertNode(
  graph: GraphProto,
  position: number,
  opType: string,
  input: string[],
  output: string,
  attribute: NonNullable<NodeInit['attribute']> = [],
): void {
  const node = create(NodeProtoSchema, { name: `${opType}_${output}`, opType, input, output: [output], attribute });
  graph.node.splice(position, 0, node);
}

/** All machines that Node runs on are little-endian. */
const littleEndian = (values: Float32Array<ArrayBuffer>): Uint8Array<ArrayBuffer> => new Uint8Array(values.buffer);

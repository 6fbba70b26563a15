import { fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  type GraphProto,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  type TensorProto,
  TensorProto_DataType,
} from '@liminal/shared/onnx/onnx-ml_pb';

export const parseModel = (file: Uint8Array): ModelProto => fromBinary(ModelProtoSchema, file);
export const modelBytes = (model: ModelProto): Uint8Array<ArrayBuffer> => toBinary(ModelProtoSchema, model);

const STANDARD_DOMAINS = new Set(['', 'ai.onnx', 'ai.onnx.ml']);

/**
 * Operators outside the standard sets `ai.onnx` and `ai.onnx.ml`, as `domain.Operator`, sorted, each once; those of
 * subgraphs too. A file with any is bound to the runtime that knows them.
 */
export function nonStandardOperators(file: Uint8Array): string[] {
  const found = new Set<string>();
  const visit = (graph: GraphProto): void => {
    for (const { domain, opType, attribute } of graph.node) {
      if (!STANDARD_DOMAINS.has(domain)) found.add(`${domain}.${opType}`);
      for (const { g } of attribute) if (g !== undefined) visit(g);
    }
  };
  const { graph } = parseModel(file);
  if (graph !== undefined) visit(graph);
  return [...found].sort();
}

/** A dense layer of a network: `Gemm` with constant float32 weights [inputs, outputs]. */
export interface DenseNode {
  node: NodeProto;
  /** Name of the value that goes in. */
  input: string;
  weight: TensorProto;
  inputs: number;
  outputs: number;
  values: Float32Array;
}

/**
 * The dense layers, in the order in which they run. `MatMul` is left alone: there it is a distance (nearest neighbours,
 * the whitening of a Mahalanobis distance) whose errors would be squared.
 */
export function denseNodes({ node: nodes, initializer }: GraphProto): DenseNode[] {
  const constants = new Map(initializer.map((tensor) => [tensor.name, tensor]));
  return nodes.flatMap((node) => {
    const weight = constants.get(node.input[1] ?? '');
    const isPlain = node.attribute.every(({ name, i, f }) => (name.startsWith('trans') ? i === 0n : f === 1));
    if (node.opType !== 'Gemm' || !isPlain || weight?.dims.length !== 2) return [];
    if (weight.dataType !== TensorProto_DataType.FLOAT) return [];
    const [inputs, outputs] = weight.dims.map(Number) as [number, number];
    return [{ node, input: node.input[0]!, weight, inputs, outputs, values: rawFloats(weight) }];
  });
}

function rawFloats({ rawData, floatData }: TensorProto): Float32Array {
  if (rawData.byteLength === 0) return Float32Array.from(floatData);
  const view = new DataView(rawData.buffer, rawData.byteOffset, rawData.byteLength);
  return Float32Array.from({ length: rawData.byteLength / 4 }, (_, index) => view.getFloat32(4 * index, true));
}

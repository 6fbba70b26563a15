import { decodeModel } from '../onnx/decode-model.ts';
import type { AttributeProto, GraphProto, NodeProto, TensorProto } from '../onnx/onnx-ml_pb.ts';
import type { TreeEnsemble } from './tree-ensemble.ts';

/** An isolation forest as its ONNX file has it. */
export interface ForestFile {
  /** log2(score) is their sum. */
  trees: TreeEnsemble;
  /** What a feature that was not observed counts as: the median of its training column. */
  medians: Float32Array;
}

/** A file that is not built as isolation forests are; `message` says what is different. */
export class NotAForestError extends Error {
  override readonly name = 'NotAForestError';
}

/**
 * Reads the trees out of a model file: score = Exp(Mul(TreeEnsembleRegressor(Where(IsNaN(x), medians, x)), exponent)).
 * log2(score) = exponent/ln 2 · sum of the path lengths, so that every leaf has its share of it. Takes tens of milliseconds:
 * keep it off an event loop that others wait for. Throws `NotAForestError`, or `NotOnnxError`.
 */
export function readForest(file: Uint8Array, scoreOutput: string): ForestFile {
  const graph = decodeModel(file).graph!;
  const product = inputsOf(graph, nodeOf(graph, scoreOutput, 'Exp'))[0]!;
  const [sum, exponentName] = inputsOf(graph, nodeOf(graph, product, 'Mul'));
  const exponent = constantOf(graph, exponentName!)[0]!;
  const ensemble = nodeOf(graph, sum!, 'TreeEnsembleRegressor');
  const [, medians] = inputsOf(graph, nodeOf(graph, ensemble.input[0]!, 'Where'));
  const values = constantOf(graph, medians!);
  return { trees: treesOf(ensemble, exponent / Math.LN2, values.length), medians: values };
}

function nodeOf({ node }: GraphProto, output: string, opType: string): NodeProto {
  const found = node.find((candidate) => candidate.output.includes(output));
  if (found?.opType === opType) return found;
  throw new NotAForestError(`${output} comes from ${found?.opType ?? 'nowhere'}, not from ${opType}`);
}

const inputsOf = (_: GraphProto, { input }: NodeProto): readonly string[] => input;

function constantOf({ initializer }: GraphProto, name: string): Float32Array {
  const tensor = initializer.find((candidate) => candidate.name === name);
  if (tensor === undefined) throw new NotAForestError(`${name} is no constant`);
  return floatsOf(tensor);
}

function floatsOf({ rawData, floatData }: TensorProto): Float32Array {
  if (rawData.byteLength === 0) return Float32Array.from(floatData);
  // A copy, since the bytes may lie unaligned. ONNX and all machines that Node runs on are little-endian.
  return new Float32Array(Uint8Array.from(rawData).buffer);
}

function treesOf({ attribute }: NodeProto, scale: number, columns: number): TreeEnsemble {
  const attributes = new Map(attribute.map((entry) => [entry.name, entry]));
  const ints = (name: string): number[] => (attributes.get(name)?.ints ?? []).map(Number);
  const floats = (name: string): number[] => attributes.get(name)?.floats ?? [];
  const treeIds = ints('nodes_treeids');
  const nodeIds = ints('nodes_nodeids');
  const count = treeIds.length;
  const modes = modesOf(attributes.get('nodes_modes'));
  const roots: number[] = [];
  for (let node = 0; node < count; node++) if (node === 0 || treeIds[node] !== treeIds[node - 1]) roots.push(node);
  const place = (tree: number, node: number): number => roots[tree]! + node;
  if (nodeIds.some((id, node) => place(treeIds[node]!, id) !== node)) {
    throw new NotAForestError('the nodes are not numbered in order, tree by tree');
  }
  const leftIds = ints('nodes_truenodeids');
  const rightIds = ints('nodes_falsenodeids');
  const featureIds = ints('nodes_featureids');
  const weight = new Float64Array(count);
  const [leafTrees, leafNodes, leafWeights] = [
    ints('target_treeids'),
    ints('target_nodeids'),
    floats('target_weights'),
  ];
  for (const [index, tree] of leafTrees.entries())
    weight[place(tree, leafNodes[index]!)]! += leafWeights[index]! * scale;
  return {
    columns,
    roots: Int32Array.from(roots),
    feature: Int32Array.from(featureIds, (feature, node) => (modes[node] === 'LEAF' ? -1 : feature)),
    threshold: Float32Array.from(floats('nodes_values')),
    left: Int32Array.from(leftIds, (id, node) => place(treeIds[node]!, id)),
    right: Int32Array.from(rightIds, (id, node) => place(treeIds[node]!, id)),
    weight,
    cover: Float32Array.from({ length: count }, (_, node) => floats('nodes_hitrates')[node] ?? 0),
  };
}

function modesOf(attribute: AttributeProto | undefined): string[] {
  const decoder = new TextDecoder();
  const modes = (attribute?.strings ?? []).map((mode) => decoder.decode(mode));
  const other = modes.find((mode) => mode !== 'LEAF' && mode !== 'BRANCH_LEQ');
  if (other !== undefined) throw new NotAForestError(`its nodes compare with ${other}`);
  return modes;
}

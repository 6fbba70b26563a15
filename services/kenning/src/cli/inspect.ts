import { decodeModel, NotOnnxError } from '@liminal/shared/onnx/decode-model';
import {
  type GraphProto,
  type ModelProto,
  TensorProto_DataType,
  type ValueInfoProto,
} from '@liminal/shared/onnx/onnx-ml_pb';
import { sha256Hex } from '@liminal/shared/release/sha256';
import { metadataOf } from '../onnx/model-metadata.ts';
import { onePath, parse } from './arguments.ts';
import type { Command, CommandContext } from './command.ts';
import { readBytes } from './ensemble-file.ts';
import { ModelFileError } from './model-file-error.ts';

const USAGE = `Usage: kenning inspect MODEL.onnx [--json]

Shows what is in an ONNX file, whoever made it: inputs, outputs, operator sets, size, SHA-256, metadata, nodes.

  --json   the same as JSON
  --help   this text

Examples:
  kenning inspect model.onnx
  kenning inspect models/autoencoder.onnx --json
`;

const ELEMENT_TYPES = new Map<number, string>(
  Object.entries(TensorProto_DataType).map(([name, type]) => [type, name.toLowerCase()]),
);

interface TensorDescription {
  name: string;
  type: string;
  /** A text is a size that is known at run time only. */
  shape: (number | string)[];
}

export interface ModelDescription {
  sizeBytes: number;
  sha256: string;
  irVersion: number;
  producer: string;
  graph: string;
  opsets: Record<string, number>;
  inputs: TensorDescription[];
  outputs: TensorDescription[];
  /** Numbers in constants. */
  parameters: number;
  metadata: Record<string, string>;
  /** Nodes by operator, subgraphs included. */
  nodes: Record<string, number>;
}

async function inspect({ args, stdout }: CommandContext): Promise<void> {
  const { values, positionals } = parse(args, { json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } });
  const path = onePath(positionals, 'model');
  const bytes = await readBytes(path);
  const description = describe(bytes, decoded(path, bytes));
  stdout.write(values.json ? `${JSON.stringify(description, null, 2)}\n` : asText(path, description));
}

function decoded(path: string, bytes: Uint8Array): ModelProto {
  try {
    return decodeModel(bytes);
  } catch (error) {
    if (!(error instanceof NotOnnxError)) throw error;
    throw new ModelFileError(`${path} is not an ONNX model`, { cause: error });
  }
}

function describe(bytes: Uint8Array, model: ModelProto): ModelDescription {
  const graph = model.graph!;
  const constants = new Set(graph.initializer.map(({ name }) => name));
  const nodes = new Map<string, number>();
  countNodes(graph, nodes);
  return {
    sizeBytes: bytes.length,
    sha256: sha256Hex(bytes),
    irVersion: Number(model.irVersion),
    producer: [model.producerName, model.producerVersion].filter((text) => text !== '').join(' '),
    graph: graph.name,
    opsets: Object.fromEntries(model.opsetImport.map(({ domain, version }) => [domain || 'ai.onnx', Number(version)])),
    // Older files list constants among the inputs.
    inputs: graph.input.filter(({ name }) => !constants.has(name)).map(describeTensor),
    outputs: graph.output.map(describeTensor),
    parameters: graph.initializer.reduce((sum, { dims }) => sum + dims.reduce((size, dim) => size * Number(dim), 1), 0),
    metadata: metadataOf(model),
    nodes: Object.fromEntries([...nodes].sort(([left, a], [right, b]) => b - a || (left < right ? -1 : 1))),
  };
}

function describeTensor({ name, type }: ValueInfoProto): TensorDescription {
  if (type?.value.case !== 'tensorType') return { name, type: type?.value.case ?? 'unknown', shape: [] };
  const { elemType, shape } = type.value.value;
  return {
    name,
    type: ELEMENT_TYPES.get(elemType) ?? `type ${elemType}`,
    shape: (shape?.dim ?? []).map(({ value }) => {
      if (value.case === 'dimValue') return Number(value.value);
      return value.case === 'dimParam' ? value.value : '?';
    }),
  };
}

function countNodes(graph: GraphProto, counts: Map<string, number>): void {
  for (const { opType, domain, attribute } of graph.node) {
    const name = domain === '' || domain === 'ai.onnx' ? opType : `${domain}.${opType}`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
    for (const { g, graphs } of attribute) {
      for (const subgraph of g === undefined ? graphs : [g, ...graphs]) countNodes(subgraph, counts);
    }
  }
}

function asText(path: string, model: ModelDescription): string {
  const pairs = (record: Readonly<Record<string, string | number>>, separator: string): string[] =>
    Object.entries(record).map(([name, value]) => `  ${name}${separator}${value}`);
  const tensors = (list: readonly TensorDescription[]): string[] =>
    list.map(({ name, type, shape }) => `  ${name}  ${type} [${shape.join(', ')}]`);
  const lines = [
    `${path}: ${model.sizeBytes.toLocaleString('en')} bytes, ${model.parameters.toLocaleString('en')} parameters`,
    `sha256 ${model.sha256}`,
    `graph ${model.graph}, IR ${model.irVersion}, made by ${model.producer || 'unknown'}`,
    'operator sets',
    ...pairs(model.opsets, ' '),
    'inputs',
    ...tensors(model.inputs),
    'outputs',
    ...tensors(model.outputs),
    'metadata',
    ...pairs(model.metadata, ' = '),
    'nodes',
    ...pairs(model.nodes, ' × '),
  ];
  return lines.map((line) => line + '\n').join('');
}

export const inspectCommand: Command = { summary: 'shows what is in an ONNX file', usage: USAGE, run: inspect };

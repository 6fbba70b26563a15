import { fromBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from '@liminal/shared/onnx/onnx-ml_pb';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { GraphBuilder } from './graph-builder.ts';

async function outputsOf(graph: GraphBuilder, feeds: Record<string, Tensor>): Promise<InferenceSession.ReturnType> {
  const session = await InferenceSession.create(graph.build('test'), { intraOpNumThreads: 1 });
  try {
    return await session.run(feeds);
  } finally {
    await session.release();
  }
}

describe('graph builder', () => {
  it('writes constants, attributes and shapes that ONNX Runtime reads', async () => {
    const graph = new GraphBuilder();
    const input = graph.floatInput('x', ['N', 2]);
    const bias = graph.floatConstant('bias', Float32Array.of(10, 20), [2]);
    const sum = graph.node('Add', [input, bias]);
    const leaky = graph.node('LeakyRelu', [sum], { attributes: { alpha: { float: 0.5 } } });
    graph.floatOutput(graph.node('Concat', [leaky, input], { name: 'y', attributes: { axis: { int: 1 } } }), ['N', 4]);
    const outputs = await outputsOf(graph, { x: new Tensor('float32', Float32Array.of(1, -30), [1, 2]) });
    expect(outputs.y!.dims).toEqual([1, 4]);
    expect(outputs.y!.data).toEqual(Float32Array.of(11, -5, 1, -30));
  });

  it('writes inputs, constants and outputs of every element type', async () => {
    const graph = new GraphBuilder();
    const wide = graph.input('wide', 'float64', [2]);
    const flags = graph.input('flags', 'bool', [2]);
    const counts = graph.input('counts', 'int64', [2]);
    const tenth = graph.constant('tenth', 'float64', [0.1], []);
    const large = graph.constant('large', 'int64', [2 ** 40, -3], [2]);
    const mask = graph.constant('mask', 'bool', [1, 0], [2]);
    graph.output(graph.node('Mul', [wide, tenth], { name: 'tenths' }), 'float64', [2]);
    graph.output(graph.node('Add', [counts, large], { name: 'sums' }), 'int64', [2]);
    graph.output(graph.node('Xor', [flags, mask], { name: 'differ' }), 'bool', [2]);
    const outputs = await outputsOf(graph, {
      wide: new Tensor('float64', Float64Array.of(3, 1e300), [2]),
      flags: new Tensor('bool', Uint8Array.of(1, 1), [2]),
      counts: new Tensor('int64', BigInt64Array.of(1n, 1n), [2]),
    });
    expect(outputs.tenths!.data).toEqual(Float64Array.of(3 * 0.1, 1e300 * 0.1));
    expect(outputs.sums!.data).toEqual(BigInt64Array.of(2n ** 40n + 1n, -2n));
    expect(outputs.differ!.data).toEqual(Uint8Array.of(0, 1));
  });

  it('gives every output of a node, and leaves optional inputs out', async () => {
    const graph = new GraphBuilder();
    const x = graph.floatInput('x', [4]);
    const sizes = graph.constant('sizes', 'int64', [1, 3], [2]);
    const [head, tail] = graph.nodes('Split', [x, sizes], 2, { attributes: { axis: { int: 0 } } });
    const ceiling = graph.floatConstant('ceiling', Float32Array.of(2.5), []);
    graph.floatOutput(graph.node('Clip', [tail, undefined, ceiling], { name: 'clipped' }), [3]);
    graph.floatOutput(graph.node('Neg', [head], { name: 'negated' }), [1]);
    const outputs = await outputsOf(graph, { x: new Tensor('float32', Float32Array.of(1, 2, 3, 4), [4]) });
    expect(outputs.clipped!.data).toEqual(Float32Array.of(2, 2.5, 2.5));
    expect(outputs.negated!.data).toEqual(Float32Array.of(-1));
  });

  it('runs a Loop whose body uses values from outside', async () => {
    const graph = new GraphBuilder();
    const start = graph.floatInput('start', []);
    const rate = graph.floatInput('rate', []);
    const steps = graph.input('steps', 'int64', []);
    const always = graph.constant('always', 'bool', [1], []);
    const body = graph.subgraph('body');
    body.input('step', 'int64', []);
    const goOn = body.input('go_on', 'bool', []);
    const level = body.input('level', 'float32', []);
    body.output(body.node('Identity', [goOn]), 'bool', []);
    body.floatOutput(body.node('Mul', [level, rate]), []);
    body.floatOutput(body.node('Identity', [level]), []);
    const [last, levels] = graph.nodes('Loop', [steps, always, start], 2, { attributes: { body: { graph: body } } });
    graph.floatOutput(graph.node('Identity', [last], { name: 'last' }), []);
    graph.floatOutput(graph.node('Identity', [levels], { name: 'levels' }), ['S']);
    const outputs = await outputsOf(graph, {
      start: new Tensor('float32', Float32Array.of(1), []),
      rate: new Tensor('float32', Float32Array.of(3), []),
      steps: new Tensor('int64', BigInt64Array.of(4n), []),
    });
    expect(outputs.last!.data).toEqual(Float32Array.of(81));
    expect(outputs.levels!.data).toEqual(Float32Array.of(1, 3, 9, 27));
  });

  it('puts metadata into the model, the last text of a key', () => {
    const graph = new GraphBuilder();
    graph.floatOutput(graph.node('Identity', [graph.floatInput('x', [1])]), [1]);
    graph.metadata('model', 'first');
    graph.metadata('columns', '7');
    graph.metadata('model', 'autoencoder');
    expect(
      fromBinary(ModelProtoSchema, graph.build('test')).metadataProps.map(({ key, value }) => [key, value]),
    ).toEqual([
      ['model', 'autoencoder'],
      ['columns', '7'],
    ]);
  });

  it('refuses a name twice, also across a subgraph, and a constant that does not fill its shape', () => {
    const graph = new GraphBuilder();
    graph.floatInput('x', [1]);
    expect(() => graph.floatInput('x', [1])).toThrow('value x already');
    expect(() => graph.subgraph('body').floatInput('x', [1])).toThrow('value x already');
    expect(() => graph.subgraph('body')).toThrow('value body already');
    expect(() => graph.floatConstant('c', new Float32Array(3), [2])).toThrow('[2]');
  });
});

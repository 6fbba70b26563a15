import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { GraphBuilder } from './graph-builder.ts';

describe('graph builder', () => {
  it('writes constants, attributes and shapes that ONNX Runtime reads', async () => {
    const graph = new GraphBuilder();
    const input = graph.floatInput('x', ['N', 2]);
    const bias = graph.floatConstant('bias', Float32Array.of(10, 20), [2]);
    const sum = graph.node('Add', [input, bias]);
    const leaky = graph.node('LeakyRelu', [sum], { attributes: { alpha: { float: 0.5 } } });
    graph.floatOutput(graph.node('Concat', [leaky, input], { name: 'y', attributes: { axis: { int: 1 } } }), ['N', 4]);
    const session = await InferenceSession.create(graph.build('test'));
    const outputs = await session.run({ x: new Tensor('float32', Float32Array.of(1, -30), [1, 2]) });
    expect(outputs.y!.dims).toEqual([1, 4]);
    expect(outputs.y!.data).toEqual(Float32Array.of(11, -5, 1, -30));
    await session.release();
  });

  it('refuses a name twice, and a constant that does not fill its shape', () => {
    const graph = new GraphBuilder();
    graph.floatInput('x', [1]);
    expect(() => graph.floatInput('x', [1])).toThrow('value x already');
    expect(() => graph.floatConstant('c', new Float32Array(3), [2])).toThrow('[2]');
  });
});

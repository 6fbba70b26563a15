import { create, toBinary } from '@bufbuild/protobuf';
import { decodeModel, NotOnnxError } from '@liminal/shared/onnx/decode-model';
import { ModelProtoSchema } from '@liminal/shared/onnx/onnx-ml_pb';
import { describe, expect, it } from 'vitest';
import { GraphBuilder } from './graph-builder.ts';
import { metadataOf, withMetadata } from './model-metadata.ts';

function smallModel(): Uint8Array {
  const graph = new GraphBuilder();
  const input = graph.floatInput('x', ['N', 1]);
  graph.floatOutput(graph.node('Neg', [input], { name: 'y' }), ['N', 1]);
  graph.metadata('before', 'kept');
  return graph.build('small');
}

describe('metadata of a model', () => {
  it('joins what is there and leaves the graph alone', () => {
    const file = smallModel();
    const model = decodeModel(withMetadata(file, { columns: '["ä","b"]', empty: '' }));
    expect(metadataOf(model)).toEqual({ before: 'kept', columns: '["ä","b"]', empty: '' });
    expect(model.graph).toEqual(decodeModel(file).graph);
  });

  it.each([
    ['text', new TextEncoder().encode('x,y\n1,2\n')],
    ['nothing', new Uint8Array()],
    ['a message without a graph', toBinary(ModelProtoSchema, create(ModelProtoSchema, { irVersion: 8n }))],
  ])('is not read from %s', (_, bytes) => {
    expect(() => decodeModel(bytes)).toThrow(NotOnnxError);
  });
});

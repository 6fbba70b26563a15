import { fromBinary } from '@bufbuild/protobuf';
import { type ModelProto, ModelProtoSchema } from './onnx-ml_pb.ts';

/** Bytes that are no ONNX model. */
export class NotOnnxError extends Error {
  override readonly name = 'NotOnnxError';
}

/** Throws `NotOnnxError`. */
export function decodeModel(file: Uint8Array): ModelProto {
  let model: ModelProto;
  try {
    model = fromBinary(ModelProtoSchema, file);
  } catch (error) {
    throw new NotOnnxError('not an ONNX model', { cause: error });
  }
  // Almost any bytes are a protobuf message of some fields; a model has these.
  if (model.graph === undefined || model.opsetImport.length === 0) throw new NotOnnxError('not an ONNX model');
  return model;
}

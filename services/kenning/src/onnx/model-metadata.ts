import { create, toBinary } from '@bufbuild/protobuf';
import { type ModelProto, ModelProtoSchema } from '@liminal/shared/onnx/onnx-ml_pb';

/**
 * The file with texts that go with it (`metadata_props`) added behind its end. A protobuf file may be continued: the entries
 * of a repeated field are those of all its parts, so the graph is neither read nor written again.
 */
export function withMetadata(file: Uint8Array, entries: Readonly<Record<string, string>>): Uint8Array<ArrayBuffer> {
  const metadataProps = Object.entries(entries).map(([key, value]) => ({ key, value }));
  const added = toBinary(ModelProtoSchema, create(ModelProtoSchema, { metadataProps }));
  const whole = new Uint8Array(file.length + added.length);
  whole.set(file);
  whole.set(added, file.length);
  return whole;
}

export function metadataOf(model: ModelProto): Record<string, string> {
  return Object.fromEntries(model.metadataProps.map(({ key, value }) => [key, value]));
}

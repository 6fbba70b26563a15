import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  TensorProto_DataType,
  type TensorProtoSchema,
  type ValueInfoProtoSchema,
} from '@liminal/shared/onnx/onnx-ml_pb';

type TensorInit = MessageInitShape<typeof TensorProtoSchema>;
type ValueInfoInit = MessageInitShape<typeof ValueInfoProtoSchema>;

/** What the elements of a tensor are. */
export type ElementType = 'float32' | 'float64' | 'int64' | 'bool';

/** A number is a fixed size, a text names a size that is known at run time only. */
export type Dimension = number | string;

interface Encoding {
  dataType: TensorProto_DataType;
  sizeBytes: number;
  write(view: DataView, offset: number, value: number): void;
}

/** ONNX raw data is little-endian on every machine. */
const ENCODINGS: Record<ElementType, Encoding> = {
  float32: {
    dataType: TensorProto_DataType.FLOAT,
    sizeBytes: 4,
    write: (view, offset, value) => view.setFloat32(offset, value, true),
  },
  float64: {
    dataType: TensorProto_DataType.DOUBLE,
    sizeBytes: 8,
    write: (view, offset, value) => view.setFloat64(offset, value, true),
  },
  int64: {
    dataType: TensorProto_DataType.INT64,
    sizeBytes: 8,
    write: (view, offset, value) => view.setBigInt64(offset, BigInt(value), true),
  },
  bool: {
    dataType: TensorProto_DataType.BOOL,
    sizeBytes: 1,
    write: (view, offset, value) => view.setUint8(offset, value === 0 ? 0 : 1),
  },
};

/** The number ONNX gives to an element type, e.g. for the attribute `to` of Cast. */
export function dataTypeOf(type: ElementType): number {
  return ENCODINGS[type].dataType;
}

/** A named constant; `shape` `[]` is a scalar. Throws `RangeError` where the values don't fill the shape. */
export function tensorConstant(
  name: string,
  type: ElementType,
  values: ArrayLike<number>,
  shape: readonly number[],
): TensorInit {
  const size = shape.reduce((product, dimension) => product * dimension, 1);
  if (size !== values.length) throw new RangeError(`${values.length} values don't fill the shape [${shape}]`);
  const { dataType, sizeBytes, write } = ENCODINGS[type];
  const rawData = new Uint8Array(size * sizeBytes);
  const view = new DataView(rawData.buffer);
  for (let index = 0; index < size; index++) write(view, index * sizeBytes, values[index]!);
  return { name, dims: shape.map(BigInt), dataType, rawData };
}

/** Name, type and shape of an input or output of a graph. */
export function valueInfo(name: string, type: ElementType, shape: readonly Dimension[]): ValueInfoInit {
  const dim = shape.map((dimension) => ({
    value:
      typeof dimension === 'number'
        ? { case: 'dimValue' as const, value: BigInt(dimension) }
        : { case: 'dimParam' as const, value: dimension },
  }));
  const tensorType = { elemType: dataTypeOf(type), shape: { dim } };
  return { name, type: { value: { case: 'tensorType', value: tensorType } } };
}

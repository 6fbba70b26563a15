import { Packr } from 'msgpackr';
import type { z } from 'zod';
import { UndecodableError } from './undecodable-error.ts';

const packr = new Packr({ useRecords: false });

/** Throws `UndecodableError` on anything but msgpack; its message begins with `subject`, as in `minutes are`. */
export function unpackMsgpack(bytes: Uint8Array, subject: string): unknown {
  try {
    return packr.unpack(bytes);
  } catch (error) {
    throw new UndecodableError(`${subject} not msgpack`, { cause: error });
  }
}

/** The same for values whose shape a schema tells: that of format version `version`. */
export function unpackMsgpackAs<Schema extends z.ZodType>(
  bytes: Uint8Array,
  subject: string,
  { schema, version }: { schema: Schema; version: number },
): z.infer<Schema> {
  const parsed = schema.safeParse(unpackMsgpack(bytes, subject));
  if (parsed.success) return parsed.data;
  throw new UndecodableError(`${subject} not of format version ${version}`, { cause: parsed.error });
}

import { LiminalError } from '@liminal/shared/runtime/errors';
import { OnnxParityError, TrainingDataError } from './training-errors.ts';

/** An error as it crosses a process: structured clone alone drops its class and its own fields. */
export interface TransferredError {
  name: string;
  message: string;
  stack?: string | undefined;
  cause?: TransferredError | undefined;
  /** Of a `LiminalError`. */
  catalogued?: { code: string; status: number; details: Record<string, unknown> } | undefined;
}

const CLASSES: Record<string, new (message: string, options?: ErrorOptions) => Error> = {
  OnnxParityError,
  RangeError,
  TrainingDataError,
  TypeError,
};

/** Anything thrown, as plain data. */
export function packError(error: unknown): TransferredError {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) };
  return {
    name: error.name,
    message: error.message,
    stack: error.stack,
    cause: error.cause === undefined ? undefined : packError(error.cause),
    catalogued:
      error instanceof LiminalError ? { code: error.code, status: error.status, details: error.details } : undefined,
  };
}

/** The error again: message, stack, cause, and its class where training throws it itself. */
export function unpackError(packed: TransferredError): Error {
  const options = packed.cause ? { cause: unpackError(packed.cause) } : {};
  const error = recreate(packed, options);
  if (packed.stack !== undefined) error.stack = packed.stack;
  return error;
}

function recreate({ name, message, catalogued }: TransferredError, options: ErrorOptions): Error {
  if (catalogued)
    return new LiminalError(catalogued.code, { status: catalogued.status, message }, catalogued.details, options);
  const Class = CLASSES[name];
  if (Class) return new Class(message, options);
  const error = new Error(message, options);
  error.name = name;
  return error;
}

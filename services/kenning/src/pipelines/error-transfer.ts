import {
  ImmutableObjectError,
  InvalidObjectKeyError,
  ModelStoreConfigError,
  ObjectNotFoundError,
  StoreAccessDeniedError,
  StoreUnreachableError,
} from '@liminal/shared/adapters/object-errors';
import { UndecodableError } from '@liminal/shared/contracts/undecodable-error';
import { LiminalError } from '@liminal/shared/runtime/errors';
import { UnreadablePartError } from '../archive/unreadable-part-error.ts';
import { TrainingDivergedError } from '../nn/training-diverged-error.ts';
import { OnnxParityError, TrainingDataError } from './training-errors.ts';

/** An error as it crosses a process: structured clone alone drops its class and its own fields. */
export interface TransferredError {
  name: string;
  message: string;
  stack?: string | undefined;
  cause?: TransferredError | undefined;
  /** What else an error of a known class holds. */
  fields: Record<string, unknown>;
}

/** By name, every class that the processes of training, tuning and optimisation can throw. */
const CLASSES: ReadonlyMap<string, abstract new (...args: never[]) => Error> = new Map(
  [
    ImmutableObjectError,
    InvalidObjectKeyError,
    LiminalError,
    ModelStoreConfigError,
    ObjectNotFoundError,
    OnnxParityError,
    RangeError,
    StoreAccessDeniedError,
    StoreUnreachableError,
    TrainingDataError,
    TrainingDivergedError,
    TypeError,
    UndecodableError,
    UnreadablePartError,
  ].map((Class) => [Class.name, Class]),
);

/** Anything thrown, as plain data. */
export function packError(error: unknown): TransferredError {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error), fields: {} };
  const { name, message, stack, cause, ...fields } = error;
  return {
    name: error.name,
    message: error.message,
    stack: error.stack,
    cause: cause === undefined ? undefined : packError(cause),
    // Of other classes nobody knows whether their fields can cross.
    fields: CLASSES.has(error.name) ? fields : {},
  };
}

/** The error again, of its class where that is a known one. */
export function unpackError({ name, message, stack, cause, fields }: TransferredError): Error {
  const options = cause ? { cause: unpackError(cause) } : {};
  // As an error of the class, but without its constructor, which may make the message out of other things.
  const error: Error = Reflect.construct(Error, [message, options], CLASSES.get(name) ?? Error);
  if (error.name !== name) error.name = name;
  if (stack !== undefined) error.stack = stack;
  return Object.assign(error, fields);
}

import { isUtf8 } from 'node:buffer';
import { errors } from '../errors.ts';
import { ElementTooLongError, isWhiteSpace, parseJsonArray } from './json-array.ts';

export type BodyFormat = 'json' | 'ndjson';

/** 10,000 events of 800 bytes: about three times the usual size. */
export const BODY_LIMIT_BYTES = 8 * 1024 * 1024;
/** More than the longest event with every character escaped (17 KB). It bounds what one `JSON.parse` works on. */
export const EVENT_LIMIT_BYTES = 64 * 1024;
/** A JSON body up to this size is parsed at once: about 1,000 events, 3 ms with their checks. */
const WHOLE_BYTES = 256 * 1024;
/** Bytes of a longer body that are parsed before other work gets its turn on the event loop. */
const PIECE_BYTES = 128 * 1024;

const NEW_LINE = 0x0a;
const OPEN_BRACKET = 0x5b;

/**
 * The values that a body holds, in order and unchecked, piece by piece. Whoever reads it checks a piece before taking
 * the next, so that of several errors the first one is found.
 * Throws LIMINAL_ERR_EVENTS_UNREADABLE or, where one event is to blame, LIMINAL_ERR_EVENT_INVALID.
 */
export function readValues(body: Buffer, format: BodyFormat): Generator<unknown[]> {
  if (!isUtf8(body)) throw errors('LIMINAL_ERR_EVENTS_UNREADABLE', { reason: 'it is not UTF-8' });
  return format === 'ndjson' ? readLines(body) : readJson(body);
}

function* readJson(body: Buffer): Generator<unknown[]> {
  let start = 0;
  while (start < body.length && isWhiteSpace(body[start]!)) start++;
  try {
    if (body[start] !== OPEN_BRACKET) {
      if (body.length > EVENT_LIMIT_BYTES) throw new ElementTooLongError(0);
      yield [JSON.parse(body.toString())];
    } else if (body.length <= WHOLE_BYTES) {
      yield JSON.parse(body.toString()) as unknown[];
    } else {
      yield* parseJsonArray(body, { pieceBytes: PIECE_BYTES, elementBytes: EVENT_LIMIT_BYTES });
    }
  } catch (error) {
    if (error instanceof ElementTooLongError) throw tooLong(error.index);
    if (!(error instanceof SyntaxError)) throw error;
    const reason = body.length === 0 ? 'it is empty' : `it is no JSON (${error.message})`;
    throw errors('LIMINAL_ERR_EVENTS_UNREADABLE', { reason }, { cause: error });
  }
}

/** Blank lines count as no event. */
function* readLines(body: Buffer): Generator<unknown[]> {
  let values: unknown[] = [];
  let index = 0;
  let pieceStart = 0;
  for (let start = 0; start < body.length; ) {
    const newLine = body.indexOf(NEW_LINE, start);
    const end = newLine === -1 ? body.length : newLine;
    const line = parseLine(body, start, end, index);
    if (line.problem !== undefined) {
      yield values;
      throw line.problem;
    }
    if (!line.isBlank) {
      values.push(line.value);
      index++;
    }
    start = end + 1;
    if (start - pieceStart >= PIECE_BYTES) {
      yield values;
      values = [];
      pieceStart = start;
    }
  }
  yield values;
}

interface Line {
  value?: unknown;
  isBlank?: boolean;
  problem?: Error;
}

function parseLine(body: Buffer, start: number, end: number, index: number): Line {
  if (end - start > EVENT_LIMIT_BYTES) return { problem: tooLong(index) };
  const text = body.toString('utf8', start, end);
  if (text.trim() === '') return { isBlank: true };
  try {
    return { value: JSON.parse(text) };
  } catch (error) {
    const reason = `is no JSON (${error instanceof Error ? error.message : error})`;
    return { problem: errors('LIMINAL_ERR_EVENT_INVALID', { index, path: '', reason }, { cause: error }) };
  }
}

const tooLong = (index: number): Error =>
  errors('LIMINAL_ERR_EVENT_INVALID', { index, path: '', reason: `is longer than ${EVENT_LIMIT_BYTES} bytes` });

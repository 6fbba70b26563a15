const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** An element of the array is longer than the caller allows. */
export class ElementTooLongError extends Error {
  override readonly name = 'ElementTooLongError';
  readonly index: number;

  constructor(index: number) {
    super(`element ${index} is too long`);
    this.index = index;
  }
}

export interface JsonArrayLimits {
  /** A piece ends with the first element that reaches this size. */
  pieceBytes: number;
  /** Longest element, white space around it included. */
  elementBytes: number;
}

export const isWhiteSpace = (byte: number): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

/**
 * Parses a JSON array of UTF-8 text piece by piece, so that a long one never holds the event loop: it yields the
 * elements of one piece at a time. It takes exactly what `JSON.parse` takes, since each piece is a list of whole
 * elements and is parsed by it. Throws `SyntaxError` when it gets to where the text is no JSON array.
 */
export function* parseJsonArray(text: Buffer, { pieceBytes, elementBytes }: JsonArrayLimits): Generator<unknown[]> {
  let position = 0;
  while (position < text.length && isWhiteSpace(text[position]!)) position++;
  if (text[position] !== OPEN_BRACKET) throw new SyntaxError('no array');
  let pieceStart = ++position;
  let elementStart = position;
  let index = 0;
  let depth = 0;
  let isFirst = true;
  for (; position < text.length; position++) {
    if (position - elementStart > elementBytes) throw new ElementTooLongError(index);
    const byte = text[position]!;
    if (byte === QUOTE) {
      position = endOfString(text, position);
    } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      depth++;
    } else if (depth === 0 && (byte === COMMA || byte === CLOSE_BRACKET)) {
      const isLast = byte === CLOSE_BRACKET;
      if (isLast || position - pieceStart >= pieceBytes) {
        yield parsePiece(text.toString('utf8', pieceStart, position), isFirst && isLast);
        isFirst = false;
        pieceStart = position + 1;
      }
      if (isLast) break;
      elementStart = position + 1;
      index++;
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      depth--;
    }
  }
  if (position >= text.length) throw new SyntaxError('the array does not end');
  for (position++; position < text.length; position++) {
    if (!isWhiteSpace(text[position]!)) throw new SyntaxError('something follows the end of the array');
  }
}

/** Position of the closing quote of the string that opens at `position`. */
function endOfString(text: Buffer, position: number): number {
  let end = position + 1;
  while (end < text.length && text[end] !== QUOTE) end += text[end] === BACKSLASH ? 2 : 1;
  return end;
}

function parsePiece(elements: string, mayBeEmpty: boolean): unknown[] {
  const parsed = JSON.parse(`[${elements}]`) as unknown[];
  // Between two commas, or after the last one, there must be something.
  if (parsed.length === 0 && !mayBeEmpty) throw new SyntaxError('a comma is followed by no element');
  return parsed;
}

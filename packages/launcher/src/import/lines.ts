/** Longest line that is read, in bytes; what is longer is skipped and never held in memory. */
export const MAX_LINE_BYTES = 64 * 1024;

const NEW_LINE = 0x0a;

export interface Line {
  /** Counts from 1. */
  number: number;
  /** Without its line ending; undefined when the line is longer than the limit. Bytes that are no UTF-8 become U+FFFD. */
  text: string | undefined;
}

/** Splits bytes into lines. Holds at most one line and one chunk. */
export async function* readLines(chunks: AsyncIterable<Buffer>, maxBytes = MAX_LINE_BYTES): AsyncGenerator<Line> {
  const line = new PartialLine(maxBytes);
  let number = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(NEW_LINE); end !== -1; end = chunk.indexOf(NEW_LINE, start)) {
      line.add(chunk.subarray(start, end));
      yield { number: ++number, text: line.take(number === 1) };
      start = end + 1;
    }
    line.add(chunk.subarray(start));
  }
  if (!line.isEmpty) yield { number: ++number, text: line.take(number === 1) };
}

class PartialLine {
  readonly #maxBytes: number;
  #parts: Buffer[] = [];
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get isEmpty(): boolean {
    return this.#bytes === 0;
  }

  add(part: Buffer): void {
    this.#bytes += part.length;
    if (this.#bytes > this.#maxBytes) this.#parts = [];
    else if (part.length > 0) this.#parts.push(part);
  }

  /** The line so far, and begins the next one. */
  take(isFirstOfFile: boolean): string | undefined {
    const bytes = this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts);
    const isTooLong = this.#bytes > this.#maxBytes;
    this.#parts = [];
    this.#bytes = 0;
    if (isTooLong) return undefined;
    const text = bytes.toString('utf8', 0, bytes.at(-1) === 0x0d ? bytes.length - 1 : bytes.length);
    return isFirstOfFile && text.startsWith('\uFEFF') ? text.slice(1) : text;
  }
}

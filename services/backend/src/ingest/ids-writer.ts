const INITIAL_BYTES = 1024;
const GROWTH = 4;
/** msgpack: array 32 and str 16, each followed by a big-endian length. */
const ARRAY_32 = 0xdd;
const STR_16 = 0xda;
const HEADER_BYTES = 5;
/** No byte of UTF-8: it keeps ("ab", "c") and ("a", "bc") apart. */
const SEPARATOR = 0xff;

/**
 * The identities of a batch's events as a msgpack array, for the ingest script: user and id, '' for an event without an
 * id. An id is one of its user's: ids of different users lie in one partition or in two as their hashes fall, and
 * whether an event counts must not hang on that.
 */
export class IdsWriter {
  #bytes = Buffer.allocUnsafe(INITIAL_BYTES);
  #end = HEADER_BYTES;
  #events = 0;
  #identified = 0;

  /** Events that have an id. */
  get identified(): number {
    return this.#identified;
  }

  /** `user`: UTF-8. */
  append(user: Uint8Array, id: string | undefined): void {
    this.#events++;
    this.#reserve(4 + user.length + 3 * (id?.length ?? 0));
    const bytes = this.#bytes;
    const start = this.#end + 3;
    let end = start;
    if (id !== undefined) {
      this.#identified++;
      for (let index = 0; index < user.length; index++) bytes[end++] = user[index]!;
      bytes[end++] = SEPARATOR;
      end = this.#write(id, end);
    }
    bytes[this.#end] = STR_16;
    bytes[this.#end + 1] = (end - start) >> 8;
    bytes[this.#end + 2] = end - start;
    this.#end = end;
  }

  /** Empty when no event has an id. */
  toBytes(): Buffer {
    if (this.#identified === 0) return Buffer.alloc(0);
    this.#bytes[0] = ARRAY_32;
    this.#bytes.writeUInt32BE(this.#events, 1);
    return Buffer.from(this.#bytes.subarray(0, this.#end));
  }

  /** Returns the end of what it wrote. */
  #write(text: string, start: number): number {
    for (let index = 0; index < text.length; index++) {
      const unit = text.charCodeAt(index);
      if (unit > 0x7f) return start + this.#bytes.write(text, start, 'utf8');
      this.#bytes[start + index] = unit;
    }
    return start + text.length;
  }

  #reserve(more: number): void {
    const needed = this.#end + more;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, GROWTH * this.#bytes.length));
    this.#bytes.copy(grown, 0, 0, this.#end);
    this.#bytes = grown;
  }
}

import { type Event, eventTimeMs } from './event.ts';
import { CHANNEL, LOGIN, REQUEST, TOKEN } from './event-batch.ts';
import { ABSENT, FORMAT_VERSION, HAS_TOKEN } from './event-batch-layout.ts';
import { finishHash32, HASH32_START, HASH32_STEP, hash32 } from './hash32.ts';

const INITIAL_BYTES = 2 * 1024;
const GROWTH = 4;
/** Most bytes that one UTF-16 unit becomes in UTF-8. */
const BYTES_PER_UNIT = 3;
/** More than all numbers and lengths of an event take together. */
const FIXED_BYTES = 96;
const NOTHING = hash32('');

/** Packs events one by one (event-batch-layout.ts); no object is made for an event. */
export class EventBatchWriter {
  #bytes = Buffer.allocUnsafe(INITIAL_BYTES);
  #view = viewOf(this.#bytes);
  #end = 1;
  #events = 0;
  /** Where the user of the newest event lies. */
  #userStart = 0;
  #userEnd = 0;
  /** Hash of the text that was written last. */
  #hash = 0;

  constructor() {
    this.#bytes[0] = FORMAT_VERSION;
  }

  get events(): number {
    return this.#events;
  }

  /** UTF-8 of the newest event's user; valid until the next event. */
  get newestUser(): Uint8Array {
    return this.#bytes.subarray(this.#userStart, this.#userEnd);
  }

  append(event: Event): void {
    this.#reserve(FIXED_BYTES + BYTES_PER_UNIT * unitsOf(event));
    const start = this.#end;
    this.#view.setFloat64(start + 1, eventTimeMs(event), true);
    this.#end = start + 21;
    this.#text(event.user);
    this.#userStart = start + 23;
    this.#userEnd = this.#end;
    const detailsStart = this.#end;
    this.#end += 2;
    this.#text(event.id);
    switch (event.kind) {
      case 'request':
        this.#client(start, REQUEST, event.ip, event.tokenId, event.userAgent);
        this.#text(event.method);
        this.#text(event.route);
        this.#view.setUint16(this.#end, event.status, true);
        this.#view.setFloat64(this.#end + 2, event.durationMs, true);
        this.#view.setFloat64(this.#end + 10, event.bytes ?? Number.NaN, true);
        this.#end += 18;
        break;
      case 'login':
        this.#client(start, LOGIN, event.ip, undefined, event.userAgent);
        this.#bytes[this.#end++] = event.success ? 1 : 0;
        break;
      case 'token':
        this.#client(start, TOKEN, event.ip, event.tokenId, event.userAgent);
        this.#text(event.action);
        break;
      case 'channel':
        this.#client(start, CHANNEL, undefined, undefined, undefined);
        this.#text(event.channel);
        this.#text(event.action);
        break;
    }
    this.#view.setUint16(detailsStart, this.#end - detailsStart - 2, true);
    this.#events++;
  }

  /** The packed events; a copy. */
  toBytes(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, this.#end));
  }

  #client(
    start: number,
    kind: number,
    ip: string | undefined,
    tokenId: string | undefined,
    userAgent: string | undefined,
  ): void {
    this.#bytes[start] = tokenId === undefined ? kind : kind | HAS_TOKEN;
    this.#text(ip);
    this.#view.setUint32(start + 9, this.#hash, true);
    this.#text(tokenId);
    this.#view.setUint32(start + 13, tokenId === undefined ? 0 : this.#hash, true);
    this.#text(userAgent);
    this.#view.setUint32(start + 17, this.#hash, true);
  }

  /** Writes a text with its length, and hashes it on the way. */
  #text(text: string | undefined): void {
    const start = this.#end + 2;
    if (text === undefined) {
      this.#view.setUint16(this.#end, ABSENT, true);
      this.#end = start;
      this.#hash = NOTHING;
      return;
    }
    const bytes = this.#bytes;
    let hash = HASH32_START;
    for (let index = 0; index < text.length; index++) {
      const unit = text.charCodeAt(index);
      if (unit > 0x7f) {
        this.#longText(text, start);
        return;
      }
      bytes[start + index] = unit;
      hash = Math.imul(hash ^ unit, HASH32_STEP);
    }
    this.#hash = finishHash32(hash);
    this.#view.setUint16(this.#end, text.length, true);
    this.#end = start + text.length;
  }

  /** A text that is not ASCII. */
  #longText(text: string, start: number): void {
    const length = this.#bytes.write(text, start, 'utf8');
    this.#hash = hash32(text);
    this.#view.setUint16(this.#end, length, true);
    this.#end = start + length;
  }

  #reserve(more: number): void {
    const needed = this.#end + more;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, GROWTH * this.#bytes.length));
    this.#bytes.copy(grown, 0, 0, this.#end);
    this.#bytes = grown;
    this.#view = viewOf(grown);
  }
}

/** The events of one call for one partition, as one stream entry's field `b`. */
export function encodeEventBatch(events: readonly Event[]): Buffer {
  const writer = new EventBatchWriter();
  for (const event of events) writer.append(event);
  return writer.toBytes();
}

/** UTF-16 units of all texts of an event, at least. */
function unitsOf(event: Event): number {
  const units = event.user.length + (event.id?.length ?? 0);
  switch (event.kind) {
    case 'request':
      return (
        units +
        event.ip.length +
        event.method.length +
        event.route.length +
        (event.userAgent?.length ?? 0) +
        (event.tokenId?.length ?? 0)
      );
    case 'login':
      return units + event.ip.length + (event.userAgent?.length ?? 0);
    case 'token':
      return units + event.ip.length + event.tokenId.length + event.action.length + (event.userAgent?.length ?? 0);
    case 'channel':
      return units + event.channel.length + event.action.length;
  }
}

const viewOf = (bytes: Buffer): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

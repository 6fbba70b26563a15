import { type Event, eventSchema } from './event.ts';
import { CHANNEL, EVENT_KINDS, type EventRow, LOGIN, REQUEST } from './event-batch.ts';
import { ABSENT, FOLDED_BYTES, FORMAT_VERSION, HAS_TOKEN, KIND_MASK } from './event-batch-layout.ts';
import { finishHash32, HASH32_START, HASH32_STEP } from './hash32.ts';
import { UndecodableError } from './undecodable-error.ts';

/**
 * What the fold needs of the events of a stream entry. `skip` is the field `s`: comma-separated positions of the events
 * that had been seen before, found by the ingest script only after the batch was packed.
 * Throws `UndecodableError` on anything that this version did not write.
 */
export function decodeEventRows(batch: Buffer, skip?: Uint8Array): EventRow[] {
  const reader = new BatchReader(batch);
  const rows: EventRow[] = [];
  while (!reader.isAtEnd) {
    rows.push(reader.row());
    reader.skipDetails();
  }
  return withoutSkipped(rows, skip);
}

/** The whole events of a stream entry, in the order of `decodeEventRows`. */
export function decodeEvents(batch: Buffer, skip?: Uint8Array): Event[] {
  const reader = new BatchReader(batch);
  const events: Event[] = [];
  while (!reader.isAtEnd) events.push(reader.event());
  return withoutSkipped(events, skip);
}

/**
 * The IPs of some events of a stream entry, by their positions in `decodeEventRows`, ascending; undefined for those without
 * one. The details of all others are passed unread.
 */
export function readIps(
  batch: Buffer,
  skip: Uint8Array | undefined,
  positions: readonly number[],
): (string | undefined)[] {
  const reader = new BatchReader(batch);
  const skipped = skip === undefined ? undefined : skippedPositions(skip);
  const ips: (string | undefined)[] = [];
  let row = 0;
  for (let position = 0; ips.length < positions.length; position++) {
    const isWanted = !skipped?.has(position) && row === positions[ips.length];
    const ip = reader.ip(isWanted);
    if (isWanted) ips.push(ip);
    if (!skipped?.has(position)) row++;
  }
  return ips;
}

/** What the platform's minutes need of one event. The texts stay in the batch: making strings of them costs the most. */
export interface TrafficEvent {
  kind: number;
  /** Event time in ms. */
  ts: number;
  /** Hash of the user. */
  user: number;
  /** Where the route or the channel lies in the batch; an empty range for other kinds. */
  subjectStart: number;
  subjectEnd: number;
  /** Of a request; 0 else. */
  status: number;
  durationMs: number;
  /** A failed login, or the refresh of a token. */
  isMarked: boolean;
}

/**
 * Hands the events of a stream entry to `visit`, in the order of `decodeEventRows`. One object is filled for each of them
 * anew. Throws `UndecodableError` at the first event that this version did not write.
 */
export function readTraffic(
  batch: Buffer,
  skip: Uint8Array | undefined,
  visit: (event: Readonly<TrafficEvent>) => void,
): void {
  const reader = new BatchReader(batch);
  const skipped = skip === undefined ? undefined : skippedPositions(skip);
  const event: TrafficEvent = {
    kind: 0,
    ts: 0.5,
    user: 0,
    subjectStart: 0,
    subjectEnd: 0,
    status: 0,
    durationMs: 0.5,
    isMarked: false,
  };
  for (let position = 0; !reader.isAtEnd; position++) {
    reader.traffic(event);
    if (skipped === undefined || !skipped.has(position)) visit(event);
  }
}

function withoutSkipped<T>(items: T[], skip: Uint8Array | undefined): T[] {
  if (skip === undefined) return items;
  const skipped = skippedPositions(skip);
  return items.filter((_, index) => !skipped.has(index));
}

const skippedPositions = (skip: Uint8Array): Set<number> =>
  new Set(Buffer.from(skip).toString().split(',').map(Number));

const REFRESH = 'refresh';

class BatchReader {
  readonly #bytes: Buffer;
  readonly #view: DataView;
  #at = 1;

  constructor(bytes: Buffer) {
    if (bytes[0] !== FORMAT_VERSION) {
      throw new UndecodableError(`event batch is not of format version ${FORMAT_VERSION}`);
    }
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  row(): EventRow {
    const start = this.#take(FOLDED_BYTES);
    const flags = this.#bytes[start]!;
    const kind = flags & KIND_MASK;
    const ts = this.#view.getFloat64(start + 1, true);
    const user = this.#requiredText();
    if (kind > CHANNEL || !Number.isFinite(ts) || user === '') {
      throw new UndecodableError('event batch holds what is no event');
    }
    return {
      kind,
      ts,
      user,
      ip: this.#view.getUint32(start + 9, true),
      hasToken: (flags & HAS_TOKEN) !== 0,
      token: this.#view.getUint32(start + 13, true),
      userAgent: this.#view.getUint32(start + 17, true),
    };
  }

  skipDetails(): void {
    this.#take(this.#length());
  }

  /** Passes an event; reads its IP if `isWanted`. */
  ip(isWanted: boolean): string | undefined {
    this.#take(FOLDED_BYTES);
    this.#skipText();
    const end = this.#length() + this.#at;
    let ip: string | undefined;
    if (isWanted) {
      this.#skipText();
      ip = this.#text();
    }
    this.#at = end;
    return ip;
  }

  traffic(into: TrafficEvent): void {
    const start = this.#take(FOLDED_BYTES);
    const kind = this.#bytes[start]! & KIND_MASK;
    if (kind > CHANNEL) throw new UndecodableError('event batch holds what is no event');
    into.kind = kind;
    into.ts = this.#view.getFloat64(start + 1, true);
    into.user = this.#textHash();
    const end = this.#length() + this.#at;
    // Id, IP, token, user agent.
    for (let text = 0; text < 4; text++) this.#skipText();
    into.status = 0;
    into.isMarked = false;
    into.subjectStart = into.subjectEnd = this.#at;
    if (kind === REQUEST) {
      this.#skipText();
      into.subjectStart = this.#at + 2;
      into.subjectEnd = this.#skipText();
      const at = this.#take(18);
      into.status = this.#view.getUint16(at, true);
      into.durationMs = this.#view.getFloat64(at + 2, true);
    } else if (kind === LOGIN) {
      into.isMarked = this.#bytes[this.#take(1)] === 0;
    } else if (kind === CHANNEL) {
      into.subjectStart = this.#at + 2;
      into.subjectEnd = this.#skipText();
      this.#skipText();
    } else {
      // The actions of a token begin with different letters but for `refresh` and `revoke`, which differ in length.
      const length = this.#length();
      into.isMarked = length === REFRESH.length && this.#bytes[this.#at] === REFRESH.charCodeAt(0);
      this.#take(length);
    }
    if (this.#at !== end) throw cutShort();
  }

  event(): Event {
    const { kind, ts, user } = this.row();
    const end = this.#length() + this.#at;
    const [id, ip, tokenId, userAgent] = [this.#text(), this.#text(), this.#text(), this.#text()];
    const fields = { kind: EVENT_KINDS[kind], ts, user, id, ip, tokenId, userAgent, ...this.#ofKind(kind) };
    if (this.#at !== end) throw cutShort();
    const known = Object.entries(fields).filter(([, value]) => value !== undefined);
    const event = eventSchema.safeParse(Object.fromEntries(known));
    if (!event.success) throw new UndecodableError('event batch holds what is no event', { cause: event.error });
    return event.data;
  }

  #ofKind(kind: number): Record<string, unknown> {
    switch (EVENT_KINDS[kind]) {
      case 'request': {
        const [method, route] = [this.#requiredText(), this.#requiredText()];
        const at = this.#take(18);
        const bytes = this.#view.getFloat64(at + 10, true);
        return {
          method,
          route,
          status: this.#view.getUint16(at, true),
          durationMs: this.#view.getFloat64(at + 2, true),
          bytes: Number.isNaN(bytes) ? undefined : bytes,
        };
      }
      case 'login':
        return { success: this.#bytes[this.#take(1)] === 1 };
      case 'token':
        return { action: this.#requiredText() };
      default:
        return { channel: this.#requiredText(), action: this.#requiredText() };
    }
  }

  #requiredText(): string {
    const text = this.#text();
    if (text === undefined) throw new UndecodableError('event batch holds what is no event');
    return text;
  }

  #text(): string | undefined {
    const length = this.#length();
    if (length === ABSENT) return undefined;
    const start = this.#take(length);
    for (let at = start; at < this.#at; at++) {
      if (this.#bytes[at]! > 0x7f) return this.#bytes.toString('utf8', start, this.#at);
    }
    return this.#bytes.toString('latin1', start, this.#at);
  }

  /** `hash32` of a text in ASCII; of another one, of its bytes. */
  #textHash(): number {
    const start = this.#take(this.#length());
    let hash = HASH32_START;
    for (let at = start; at < this.#at; at++) hash = Math.imul(hash ^ this.#bytes[at]!, HASH32_STEP);
    return finishHash32(hash);
  }

  /** Passes a text; returns where it ends. */
  #skipText(): number {
    const length = this.#length();
    if (length !== ABSENT) this.#take(length);
    return this.#at;
  }

  #length(): number {
    return this.#view.getUint16(this.#take(2), true);
  }

  /** Start of the next `count` bytes, which are passed. */
  #take(count: number): number {
    const start = this.#at;
    this.#at += count;
    if (this.#at > this.#bytes.length) throw cutShort();
    return start;
  }
}

const cutShort = (): UndecodableError => new UndecodableError('event batch is cut short');

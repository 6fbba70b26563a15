import { UndecodableError } from '../contracts/undecodable-error.ts';
import { type SpanCounts, UserState } from './user-state.ts';

const FORMAT_VERSION = 1;
const SCRATCH_BYTES = 8192;
const scratch = Buffer.allocUnsafe(SCRATCH_BYTES);

/** A user's state, and the id of the last stream entry that it contains. */
export interface Snapshot {
  appliedId: string;
  state: UserState;
}

/** Packs a snapshot, at most 4 KB. The same state gives the same bytes, whenever it is taken. */
export function encodeSnapshot(snapshot: Snapshot): Buffer {
  const { state } = snapshot;
  state.prune();
  const writer = new Writer(scratch);
  const [ms, sequence] = snapshot.appliedId.split('-').map(Number);
  writer.u8(FORMAT_VERSION);
  writer.f64(ms!);
  writer.u32(sequence!);
  writer.f64(state.firstTs);
  writer.f64(state.lastTs);
  writer.f64(state.emittedTs);
  writer.u32(state.seq);
  writer.f64(state.events);
  writer.f64(state.late);
  for (const count of state.minutes.counts) writer.u32(count);
  writeOverflow(writer, state.requestOverflow);
  writeOverflow(writer, state.channelOverflow);
  writer.u8(state.loginTimes.length);
  // Logins are kept whatever their age, the others are at most a window old: 4 bytes are enough for those.
  for (const time of state.loginTimes) writer.f64(time);
  writer.u8(state.requestTimes.length);
  for (let index = 0; index < state.requestTimes.length; index++) {
    writer.u32(state.lastTs - state.requestTimes[index]!);
    writer.u32(state.requestIps[index]!);
  }
  writer.u8(state.channelTimes.length);
  for (const time of state.channelTimes) writer.u32(state.lastTs - time);
  writer.u8(state.tokenTimes.length);
  for (let index = 0; index < state.tokenTimes.length; index++) {
    writer.u32(state.lastTs - state.tokenTimes[index]!);
    writer.u32(state.tokenIds[index]!);
    writer.u32(state.tokenClients[index]!);
  }
  return writer.bytes();
}

/** Throws `UndecodableError` on bytes that this version did not write. */
export function decodeSnapshot(bytes: Buffer): Snapshot {
  if (bytes[0] !== FORMAT_VERSION) throw new UndecodableError(`user state is not of format version ${FORMAT_VERSION}`);
  try {
    return readSnapshot(new Reader(bytes, 1));
  } catch (error) {
    throw new UndecodableError('user state is cut short', { cause: error });
  }
}

function readSnapshot(reader: Reader): Snapshot {
  const state = new UserState();
  const appliedId = `${reader.f64()}-${reader.u32()}`;
  state.firstTs = reader.f64();
  state.lastTs = reader.f64();
  state.emittedTs = reader.f64();
  state.seq = reader.u32();
  state.events = reader.f64();
  state.late = reader.f64();
  state.minutes.advanceTo(state.lastTs);
  for (let index = 0; index < state.minutes.counts.length; index++) state.minutes.counts[index] = reader.u32();
  readOverflow(reader, state.requestOverflow);
  readOverflow(reader, state.channelOverflow);
  for (let left = reader.u8(); left > 0; left--) state.loginTimes.push(reader.f64());
  for (let left = reader.u8(); left > 0; left--) {
    state.requestTimes.push(state.lastTs - reader.u32());
    state.requestIps.push(reader.u32());
  }
  for (let left = reader.u8(); left > 0; left--) state.channelTimes.push(state.lastTs - reader.u32());
  for (let left = reader.u8(); left > 0; left--) {
    state.tokenTimes.push(state.lastTs - reader.u32());
    state.tokenIds.push(reader.u32());
    state.tokenClients.push(reader.u32());
  }
  return { appliedId, state };
}

/** Most users never fill a ring: a count of 0 buckets then says all there is to say. */
function writeOverflow(writer: Writer, overflow: SpanCounts): void {
  const isEmpty = overflow.counts.every((count) => count === 0);
  writer.u8(isEmpty ? 0 : 1);
  if (isEmpty) return;
  writer.f64(overflow.newest);
  for (const count of overflow.counts) writer.u32(count);
}

function readOverflow(reader: Reader, overflow: SpanCounts): void {
  if (reader.u8() === 0) return;
  overflow.newest = reader.f64();
  for (let index = 0; index < overflow.counts.length; index++) overflow.counts[index] = reader.u32();
}

class Writer {
  readonly #buffer: Buffer;
  #offset = 0;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  u8(value: number): void {
    this.#offset = this.#buffer.writeUInt8(value, this.#offset);
  }

  u32(value: number): void {
    this.#offset = this.#buffer.writeUInt32LE(value, this.#offset);
  }

  f64(value: number): void {
    this.#offset = this.#buffer.writeDoubleLE(value, this.#offset);
  }

  bytes(): Buffer {
    return Buffer.from(this.#buffer.subarray(0, this.#offset));
  }
}

class Reader {
  readonly #buffer: Buffer;
  #offset: number;

  constructor(buffer: Buffer, offset: number) {
    this.#buffer = buffer;
    this.#offset = offset;
  }

  u8(): number {
    return this.#buffer.readUInt8(this.#offset++);
  }

  u32(): number {
    const value = this.#buffer.readUInt32LE(this.#offset);
    this.#offset += 4;
    return value;
  }

  f64(): number {
    const value = this.#buffer.readDoubleLE(this.#offset);
    this.#offset += 8;
    return value;
  }
}

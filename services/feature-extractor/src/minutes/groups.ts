import { HASH32_START, HASH32_STEP } from '@liminal/shared/contracts/hash32';

/** Segments of a route that name its group. */
const ROUTE_SEGMENTS = 3;
/** A longer segment is a token or a text, no name. */
const LONGEST_NAME = 40;
/** From here on a run of hex digits is an identifier; shorter ones can be words (`cafe2`, `e2e`). */
const SHORTEST_HEX_ID = 16;
const ID = ':id';

const SLASH = 0x2f;
const DASH = 0x2d;
const SECOND_START = 0x9e3779b9;
const SECOND_STEP = 0x85ebca6b;

/** What a byte can be part of. */
const DIGIT = 1;
const HEX = 2;
const OPENS_PARAMETER = 4;
const ENDS_ROUTE = 8;
const ENDS_CHANNEL = 16;
const SIGN = 32;
const CLASSES = new Uint8Array(256);
for (const [characters, mask] of [
  ['0123456789', DIGIT | HEX | ENDS_CHANNEL],
  ['abcdefABCDEF', HEX],
  [':{<[*', OPENS_PARAMETER],
  ['?#', ENDS_ROUTE],
  [':/-_.|', ENDS_CHANNEL],
  ['#@/&+!', SIGN],
] as const) {
  for (const character of characters) CLASSES[character.charCodeAt(0)]! |= mask;
}

/**
 * The group of a route or a channel: a pure function of its text, so that all partitions agree on it, and the group of a
 * group's name is that group. Two hashes of 32 bits tell groups apart; the name is only made when somebody asks for it.
 *
 * A route's group is its first three segments without query, where numbers, UUIDs, long hex texts, parameters of a pattern
 * (`:name`, `{name}`) and segments over 40 bytes are `:id`. A channel's group is what comes before the first digit or
 * separator (`room-17` and `room:lobby` are `room`); without anything before it is `:id`.
 */
export class GroupReader {
  hash = 0;
  secondHash = 0;
  #bytes: Uint8Array = new Uint8Array(0);
  /** Start and end of each segment read; an identifier ends where it starts. */
  readonly #bounds = new Int32Array(2 * ROUTE_SEGMENTS);
  #segments = 0;
  #isRooted = false;

  readRoute(bytes: Uint8Array, start: number, end: number): void {
    this.#begin(bytes);
    this.#isRooted = start < end && bytes[start] === SLASH;
    let at = start;
    while (at < end && this.#segments < ROUTE_SEGMENTS) {
      if (bytes[at] === SLASH) {
        at++;
        continue;
      }
      const from = at;
      let digits = 0;
      let hexDigits = 0;
      let dashes = 0;
      for (; at < end; at++) {
        const byte = bytes[at]!;
        const classes = CLASSES[byte]!;
        if (byte === SLASH || (classes & ENDS_ROUTE) !== 0) break;
        if ((classes & DIGIT) !== 0) digits++;
        if ((classes & HEX) !== 0) hexDigits++;
        else if (byte === DASH) dashes++;
      }
      const length = at - from;
      if (length > 0) {
        const isId =
          digits === length ||
          length > LONGEST_NAME ||
          (digits > 0 && hexDigits >= SHORTEST_HEX_ID && hexDigits + dashes === length) ||
          (CLASSES[bytes[from]!]! & OPENS_PARAMETER) !== 0;
        this.#add(from, isId ? from : at);
      }
      if (at < end && (CLASSES[bytes[at]!]! & ENDS_ROUTE) !== 0) break;
    }
  }

  readChannel(bytes: Uint8Array, start: number, end: number): void {
    this.#begin(bytes);
    let from = start;
    // Signs such as IRC's # belong to the name.
    while (from < end && (CLASSES[bytes[from]!]! & SIGN) !== 0) from++;
    let at = from;
    while (at < end && at - start < LONGEST_NAME && (CLASSES[bytes[at]!]! & ENDS_CHANNEL) === 0) at++;
    // Never through the middle of a character.
    while (at > from && at < end && (bytes[at]! & 0xc0) === 0x80) at--;
    this.#add(start, at === from ? start : at);
  }

  /** Of what was read last, while its bytes are as they were. */
  get name(): string {
    const texts: string[] = [];
    for (let segment = 0; segment < this.#segments; segment++) {
      const [start, end] = [this.#bounds[2 * segment]!, this.#bounds[2 * segment + 1]!];
      texts.push(start === end ? ID : Buffer.from(this.#bytes.subarray(start, end)).toString());
    }
    return (this.#isRooted || this.#segments === 0 ? '/' : '') + texts.join('/');
  }

  #begin(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#segments = 0;
    this.#isRooted = false;
    this.hash = HASH32_START | 0;
    this.secondHash = SECOND_START | 0;
  }

  #add(start: number, end: number): void {
    this.#bounds[2 * this.#segments] = start;
    this.#bounds[2 * this.#segments + 1] = end;
    this.#segments++;
    const bytes = this.#bytes;
    // `/a` and `a` are two names, so they are two groups.
    const before = this.#segments === 1 && !this.#isRooted ? 0 : SLASH;
    let hash = Math.imul(this.hash ^ before, HASH32_STEP);
    let second = Math.imul(rotated(this.secondHash) ^ before, SECOND_STEP);
    for (let at = start; at < end; at++) {
      const byte = bytes[at]!;
      hash = Math.imul(hash ^ byte, HASH32_STEP);
      second = Math.imul(rotated(second) ^ byte, SECOND_STEP);
    }
    this.hash = hash;
    this.secondHash = second;
  }
}

const rotated = (hash: number): number => (hash << 5) | (hash >>> 27);

/** Groups of one kind in a partition, each with a slot of its own as long as there is one; the rest share the last slot. */
export class GroupSlots {
  /** Slot of all groups that found no free one. */
  readonly other: number;
  readonly #names: (string | undefined)[];
  readonly #hashes: Int32Array;
  readonly #secondHashes: Int32Array;
  /** Open addressing: slot + 1 by hash, 0 = empty. */
  readonly #places: Uint8Array;
  #taken = 0;

  /** `capacity`: a power of two, at most 128. */
  constructor(capacity: number) {
    this.other = capacity;
    this.#names = new Array<string | undefined>(capacity).fill(undefined);
    this.#hashes = new Int32Array(capacity);
    this.#secondHashes = new Int32Array(capacity);
    this.#places = new Uint8Array(4 * capacity);
  }

  nameOf(slot: number): string {
    return this.#names[slot]!;
  }

  /** The slot of the group that `reader` read last. */
  slotOf(reader: GroupReader): number {
    const { hash, secondHash } = reader;
    const places = this.#places;
    const mask = places.length - 1;
    let place = (hash ^ (hash >>> 15)) & mask;
    for (let found = places[place]!; found !== 0; found = places[place]!) {
      if (this.#hashes[found - 1] === hash && this.#secondHashes[found - 1] === secondHash) return found - 1;
      place = (place + 1) & mask;
    }
    if (this.#taken === this.other) return this.other;
    const slot = this.#names.indexOf(undefined);
    this.#names[slot] = reader.name;
    this.#hashes[slot] = hash;
    this.#secondHashes[slot] = secondHash;
    places[place] = slot + 1;
    this.#taken++;
    return slot;
  }

  /** Frees the slots that are in use no more. */
  keepOnly(isUsed: (slot: number) => boolean): void {
    let freed = 0;
    for (let slot = 0; slot < this.other; slot++) {
      if (this.#names[slot] === undefined || isUsed(slot)) continue;
      this.#names[slot] = undefined;
      freed++;
    }
    if (freed === 0) return;
    this.#taken -= freed;
    const places = this.#places;
    const mask = places.length - 1;
    places.fill(0);
    for (let slot = 0; slot < this.other; slot++) {
      if (this.#names[slot] === undefined) continue;
      const hash = this.#hashes[slot]!;
      let place = (hash ^ (hash >>> 15)) & mask;
      while (places[place] !== 0) place = (place + 1) & mask;
      places[place] = slot + 1;
    }
  }
}

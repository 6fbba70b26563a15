/** Most pairs of user and slot that are kept; with more, users are sampled. */
const MOST_PAIRS = 16_384;
const FIRST_PLACES = 256;
const USER_BITS = 32;

/**
 * Counts distinct users per slot in bounded memory, by adaptive sampling (Flajolet 1990): exact up to 16,384 pairs of user
 * and slot; beyond, only users whose hash begins with one zero bit are kept, then two, and so on, and each stands for 2, 4, …
 * The result depends on the set of pairs alone, not on their order. At 16,384 pairs over the limit the standard error of a
 * total is about 1%. Users are told apart by their 32-bit hash.
 */
export class DistinctUsers {
  #users = new Uint32Array(FIRST_PLACES);
  #slots = new Uint8Array(FIRST_PLACES);
  #pairs = 0;
  /** Leading zero bits that the hash of a kept user has at least. */
  #level = 0;

  /** Whether the pair is new. */
  add(userHash: number, slot: number): boolean {
    if (this.#level > 0 && userHash >>> (USER_BITS - this.#level) !== 0) return false;
    // 0 marks an empty place.
    const user = userHash === 0 ? 1 : userHash;
    const place = this.#placeOf(user, slot);
    if (this.#users[place] !== 0) return false;
    this.#users[place] = user;
    this.#slots[place] = slot;
    this.#pairs++;
    if (this.#pairs > MOST_PAIRS) this.#sample();
    else if (2 * this.#pairs > this.#users.length) this.#rebuild(2 * this.#users.length);
    return true;
  }

  /** Users by slot, for slots 0 to `slots` − 1. */
  counts(slots: number): Float64Array {
    const counts = new Float64Array(slots);
    const weight = 2 ** this.#level;
    for (let place = 0; place < this.#users.length; place++) {
      if (this.#users[place] !== 0) counts[this.#slots[place]!]! += weight;
    }
    return counts;
  }

  get pairs(): number {
    return this.#pairs;
  }

  /**
   * The pairs as they lie in memory, up to 160 KB and as good as no work: level u8, then the slot of each place (u8), then
   * its user (u32 little-endian, 0 = none).
   */
  encode(): Buffer {
    const places = this.#users.length;
    const bytes = Buffer.allocUnsafe(1 + 5 * places);
    bytes[0] = this.#level;
    bytes.set(this.#slots, 1);
    bytes.set(new Uint8Array(this.#users.buffer), 1 + places);
    return bytes;
  }

  /** Adds the pairs that `encode` gave to none. `slotOf` says in which slot each of theirs is now. */
  restore(bytes: Buffer, slotOf: ArrayLike<number>): void {
    this.#level = bytes[0]!;
    const places = (bytes.length - 1) / 5;
    for (let place = 0; place < places; place++) {
      const user = bytes.readUInt32LE(1 + places + 4 * place);
      if (user !== 0) this.add(user, slotOf[bytes[1 + place]!]!);
    }
  }

  /** Also small again: what is stored of a quiet minute should not have the size of a busy one. */
  clear(): void {
    this.#level = 0;
    this.#pairs = 0;
    this.#users = new Uint32Array(FIRST_PLACES);
    this.#slots = new Uint8Array(FIRST_PLACES);
  }

  #placeOf(user: number, slot: number): number {
    const mask = this.#users.length - 1;
    const mixed = Math.imul(user ^ Math.imul(slot, 0x9e3779b1), 0x85ebca6b);
    let place = (mixed ^ (mixed >>> 15)) & mask;
    while (this.#users[place] !== 0 && (this.#users[place] !== user || this.#slots[place] !== slot)) {
      place = (place + 1) & mask;
    }
    return place;
  }

  #sample(): void {
    while (this.#pairs > MOST_PAIRS) {
      this.#level++;
      this.#rebuild(this.#users.length);
    }
  }

  #rebuild(places: number): void {
    const [users, slots] = [this.#users, this.#slots];
    this.#users = new Uint32Array(places);
    this.#slots = new Uint8Array(places);
    this.#pairs = 0;
    for (let old = 0; old < users.length; old++) {
      const user = users[old]!;
      if (user === 0 || (this.#level > 0 && user >>> (USER_BITS - this.#level) !== 0)) continue;
      const place = this.#placeOf(user, slots[old]!);
      this.#users[place] = user;
      this.#slots[place] = slots[old]!;
      this.#pairs++;
    }
  }
}

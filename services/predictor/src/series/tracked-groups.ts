/** What a minute's traffic is worth a day later: half. */
const DECAY = 0.5 ** (1 / 1_440);
/** A group takes another one's place when it has so many times its traffic: places should not go to and fro. */
const MUCH_MORE = 2;
/** Groups whose traffic is remembered, for each that has a place. */
const REMEMBERED_EACH = 8;

export interface GroupTraffic {
  group: string;
  /** Events, those of a day ago counting half. */
  traffic: number;
  /** Place among the tracked groups; null = not tracked. */
  place: number | null;
}

/**
 * Which groups have series of their own: those with the most traffic, a bounded number. A group that has grown past twice the
 * smallest tracked one takes its place, at most one a minute; its series begin anew.
 */
export class TrackedGroups {
  readonly #places: number;
  readonly #groups = new Map<string, GroupTraffic>();

  constructor(places: number, state: readonly GroupTraffic[] = []) {
    this.#places = places;
    // A place beyond the bound is from a time when the bound was higher.
    for (const of of state) {
      this.#groups.set(of.group, { ...of, place: of.place !== null && of.place < places ? of.place : null });
    }
  }

  get state(): GroupTraffic[] {
    return [...this.#groups.values()];
  }

  /** The tracked groups by place. */
  get tracked(): { group: string; place: number }[] {
    const tracked = this.state.filter((of): of is GroupTraffic & { place: number } => of.place !== null);
    return tracked.map(({ group, place }) => ({ group, place })).sort((left, right) => left.place - right.place);
  }

  /** Takes a minute's events by group. */
  update(events: ReadonlyMap<string, number>): void {
    for (const of of this.#groups.values()) of.traffic *= DECAY;
    for (const [group, count] of events) {
      const known = this.#groups.get(group);
      if (known === undefined) this.#groups.set(group, { group, traffic: count, place: null });
      else known.traffic += count;
    }
    this.#givePlaces();
    this.#forget();
  }

  #givePlaces(): void {
    const candidates = this.state.filter(({ place }) => place === null).sort(byTraffic);
    const free = new Set(Array.from({ length: this.#places }, (_, place) => place));
    for (const { place } of this.tracked) free.delete(place);
    for (const place of free) {
      const next = candidates.shift();
      if (next !== undefined) next.place = place;
    }
    const best = candidates[0];
    const smallest = this.state
      .filter(({ place }) => place !== null)
      .sort(byTraffic)
      .at(-1);
    if (best === undefined || smallest === undefined || best.traffic <= MUCH_MORE * smallest.traffic) return;
    best.place = smallest.place;
    smallest.place = null;
  }

  #forget(): void {
    const untracked = this.state.filter(({ place }) => place === null).sort(byTraffic);
    for (const { group } of untracked.slice(REMEMBERED_EACH * this.#places)) this.#groups.delete(group);
  }
}

/** Most first; the name settles ties, so that the order depends on nothing else. */
const byTraffic = (left: GroupTraffic, right: GroupTraffic): number =>
  right.traffic - left.traffic || (left.group < right.group ? -1 : 1);

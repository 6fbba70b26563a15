import { MAX_CLOCK_SKEW_MS } from '@liminal/shared/contracts/event';
import { CHANNEL, LOGIN, REQUEST } from '@liminal/shared/contracts/event-batch';
import { readTraffic, type TrafficEvent } from '@liminal/shared/contracts/event-batch-reader';
import { type ClosedMinutes, OTHER_GROUPS, type PartitionMinute } from '@liminal/shared/contracts/platform-minutes';
import { MINUTE_MS } from '@liminal/shared/features/user-state';
import { GroupReader, GroupSlots } from './groups.ts';
import { GROUP_CAPACITY, OpenMinute } from './open-minute.ts';

/** No event is further ahead of its arrival: the receiver refuses it. The rest is for clocks that differ. */
const MOST_AHEAD_MS = MAX_CLOCK_SKEW_MS + MINUTE_MS;
const BEFORE_ALL = Number.NEGATIVE_INFINITY;

/** Where the clock of a partition stands, and what is on its way to the series. Times in ms of event time. */
export interface MinutesClock {
  /** Everything up to here was heard of; −Infinity before the first event. */
  watermark: number;
  /** Time of the newest event, which may run ahead of its arrival. */
  eventTime: number;
  /** How long after `eventTime` the entry with that event arrived, in ms. */
  delayMs: number;
  /** First minute that was not handed over by `takeClosed`, and the last closed one. */
  from: number;
  closedThrough: number;
}

export interface MinutesState {
  clock: MinutesClock;
  /** Minutes with a tick in real time that are still open. */
  ticks: readonly number[];
  minutes: { counts: PartitionMinute; users: Buffer }[];
}

/**
 * What a partition's events come to per minute of event time: a pure function of the stream's entries and of the times at
 * which they arrived, which their ids tell. A minute closes when the watermark is `latenessMs` past its end; an event of a
 * closed minute is counted as late and changes nothing else.
 *
 * The watermark is the newest event time, but not past the arrival of its entry: a client whose clock is ahead can't close
 * the minutes of all others. Ticks move it where no events come (handlers/platform-clock.ts).
 */
export class PartitionMinutes {
  readonly #latenessMs: number;
  readonly #clock: MinutesClock;
  readonly #open = new Map<number, OpenMinute>();
  readonly #spare: OpenMinute[] = [];
  readonly #closed: PartitionMinute[] = [];
  #ticks: number[] = [];
  readonly #groups = new GroupReader();
  readonly #routes = new GroupSlots(GROUP_CAPACITY);
  readonly #channels = new GroupSlots(GROUP_CAPACITY);
  /** The watermark at which the oldest minute that may be open closes. */
  #closesAt = BEFORE_ALL;
  /** The minute of the event before: nearly always that of the next one too. */
  #newest: OpenMinute | undefined;
  #batch: Buffer = Buffer.alloc(0);
  #arrivedAt = 0;
  #late = 0;
  readonly #count = (event: Readonly<TrafficEvent>): void => this.#countEvent(event);

  constructor(latenessMs: number) {
    this.#latenessMs = latenessMs;
    this.#clock = {
      watermark: BEFORE_ALL,
      eventTime: BEFORE_ALL,
      delayMs: 0,
      from: BEFORE_ALL,
      closedThrough: BEFORE_ALL,
    };
  }

  get clock(): Readonly<MinutesClock> {
    return this.#clock;
  }

  /**
   * Counts the events of a stream entry that arrived at `arrivedAt` (ms). Returns how many of them were late.
   * Throws `UndecodableError` at an event that can't be read; those before it are counted.
   */
  fold(batch: Buffer, skip: Uint8Array | undefined, arrivedAt: number): number {
    this.#batch = batch;
    this.#arrivedAt = arrivedAt;
    this.#late = 0;
    const { eventTime } = this.#clock;
    readTraffic(batch, skip, this.#count);
    // The newest event may have been ahead of its arrival, and this one caught up with it.
    this.#hear(this.#clock.eventTime);
    // Late events say nothing of whether the newest ones were of the present.
    if (this.#clock.eventTime > eventTime) this.#clock.delayMs = arrivedAt - this.#clock.eventTime;
    return this.#late;
  }

  /** Whether a tick of time `ts` would close a minute. */
  wouldClose(ts: number): boolean {
    return this.#clock.watermark === BEFORE_ALL || ts >= this.#closesAt;
  }

  /**
   * A tick of the clock that arrived at `arrivedAt`: nothing older than `ts` (ms) is under way. `isLive`: it goes with the
   * wall clock, so that its minute is known of even when nothing happened in it.
   */
  tick(ts: number, arrivedAt: number, isLive: boolean): void {
    this.#arrivedAt = arrivedAt;
    this.#hear(ts);
    const minute = Math.floor(ts / MINUTE_MS);
    if (isLive && minute > this.#clock.closedThrough && this.#ticks.at(-1) !== minute) this.#ticks.push(minute);
  }

  /** The minutes that closed since the last call; undefined when none did. */
  takeClosed(): ClosedMinutes | undefined {
    const { from, closedThrough: through } = this.#clock;
    if (!(from <= through)) return undefined;
    this.#clock.from = through + 1;
    const ticks = this.#ticks.filter((minute) => minute <= through);
    this.#ticks = this.#ticks.filter((minute) => minute > through);
    return { from, through, ticks, minutes: this.#closed.splice(0) };
  }

  /** All that it takes to go on. To be called right after `takeClosed`: minutes that it would give are not in here. */
  toState(): MinutesState {
    const minutes = [...this.#open.values()].sort((left, right) => left.minute - right.minute);
    return {
      clock: { ...this.#clock },
      ticks: this.#ticks,
      minutes: minutes.map((minute) => ({
        counts: minute.toCounts(this.#routes, this.#channels),
        users: minute.encodeUsers(),
      })),
    };
  }

  static fromState({ clock, ticks, minutes }: MinutesState, latenessMs: number): PartitionMinutes {
    const restored = new PartitionMinutes(latenessMs);
    Object.assign(restored.#clock, clock);
    restored.#ticks = [...ticks];
    restored.#closesAt = restored.#nextClosing();
    for (const { counts, users } of minutes) {
      restored.#openMinute(counts.minute).restore(counts, users, {
        route: (group) => restored.#slotOfName(group, restored.#routes),
        channel: (group) => restored.#slotOfName(group, restored.#channels),
      });
    }
    return restored;
  }

  #countEvent(event: Readonly<TrafficEvent>): void {
    const { ts, user, kind } = event;
    const clock = this.#clock;
    if (clock.watermark === BEFORE_ALL) this.#hear(ts);
    const number = Math.floor(ts / MINUTE_MS);
    if (number <= clock.closedThrough) {
      this.#late++;
      return;
    }
    const minute = this.#newest?.minute === number ? this.#newest : this.#openMinute(number);
    if (kind === REQUEST) {
      this.#groups.readRoute(this.#batch, event.subjectStart, event.subjectEnd);
      minute.request(user, this.#routes.slotOf(this.#groups), event.status, event.durationMs);
    } else if (kind === CHANNEL) {
      this.#groups.readChannel(this.#batch, event.subjectStart, event.subjectEnd);
      minute.channelEvent(user, this.#channels.slotOf(this.#groups));
    } else if (kind === LOGIN) minute.login(user, event.isMarked);
    else minute.tokenUse(user, event.isMarked);
    if (ts > clock.eventTime) {
      clock.eventTime = ts;
      this.#hear(ts);
    }
  }

  #openMinute(number: number): OpenMinute {
    let minute = this.#open.get(number);
    if (minute === undefined) {
      minute = this.#spare.pop() ?? new OpenMinute();
      minute.minute = number;
      this.#open.set(number, minute);
    }
    this.#newest = minute;
    return minute;
  }

  /** Moves the watermark on to `time`, as far as it may. */
  #hear(time: number): void {
    const clock = this.#clock;
    const heard = Math.max(Math.min(time, this.#arrivedAt), time - MOST_AHEAD_MS);
    if (heard <= clock.watermark) return;
    const before = clock.watermark;
    clock.watermark = heard;
    if (before === BEFORE_ALL) {
      clock.closedThrough = Math.floor((heard - this.#latenessMs) / MINUTE_MS) - 1;
      clock.from = clock.closedThrough + 1;
      this.#closesAt = this.#nextClosing();
    } else if (heard >= this.#closesAt) this.#close();
  }

  #close(): void {
    const clock = this.#clock;
    clock.closedThrough = Math.floor((clock.watermark - this.#latenessMs) / MINUTE_MS) - 1;
    this.#closesAt = this.#nextClosing();
    const closing = [...this.#open.keys()].filter((minute) => minute <= clock.closedThrough).sort((a, b) => a - b);
    for (const number of closing) {
      const minute = this.#open.get(number)!;
      this.#closed.push(minute.toCounts(this.#routes, this.#channels));
      this.#open.delete(number);
      minute.reset();
      this.#spare.push(minute);
    }
    if (closing.length === 0) return;
    this.#newest = undefined;
    const open = [...this.#open.values()];
    this.#routes.keepOnly((slot) => open.some(({ requests }) => requests[slot] !== 0));
    this.#channels.keepOnly((slot) => open.some(({ channelEvents }) => channelEvents[slot] !== 0));
  }

  #nextClosing(): number {
    return (this.#clock.closedThrough + 2) * MINUTE_MS + this.#latenessMs;
  }

  #slotOfName(group: string, slots: GroupSlots): number {
    if (group === OTHER_GROUPS) return slots.other;
    const bytes = Buffer.from(group);
    if (slots === this.#routes) this.#groups.readRoute(bytes, 0, bytes.length);
    else this.#groups.readChannel(bytes, 0, bytes.length);
    return slots.slotOf(this.#groups);
  }
}

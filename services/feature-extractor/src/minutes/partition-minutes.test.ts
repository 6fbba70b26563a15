import type { Event } from '@liminal/shared/contracts/event';
import { encodeEventBatch } from '@liminal/shared/contracts/event-batch-writer';
import {
  type ClosedMinutes,
  decodeClosedMinutes,
  encodeClosedMinutes,
  OTHER_GROUPS,
  type PartitionMinute,
} from '@liminal/shared/contracts/platform-minutes';
import { UndecodableError } from '@liminal/shared/contracts/undecodable-error';
import { DURATION_BUCKETS, durationQuantile } from '@liminal/shared/platform-watch/duration-buckets';
import { Random } from '@liminal/shared/runtime/random';
import { normalTraffic } from '@liminal/simulator/traffic';
import { describe, expect, it } from 'vitest';
import { decodeMinutes, encodeMinutes } from './minutes-codec.ts';
import { GROUP_CAPACITY } from './open-minute.ts';
import { PartitionMinutes } from './partition-minutes.ts';

const LATENESS_MS = 30_000;
const MINUTE_MS = 60_000;
const T0 = Date.UTC(2026, 0, 5, 12);
const M0 = T0 / MINUTE_MS;
/** Long after everything: as in a replay. */
const LATER = T0 + 1_000 * 86_400_000;

const fresh = () => new PartitionMinutes(LATENESS_MS);
const request = (ts: number, fields: Partial<Extract<Event, { kind: 'request' }>> = {}): Event => {
  return {
    kind: 'request',
    ts,
    user: 'ada',
    ip: 'i',
    method: 'GET',
    route: '/a',
    status: 200,
    durationMs: 5,
    ...fields,
  };
};
const fold = (minutes: PartitionMinutes, events: Event[], arrivedAt = LATER): number =>
  minutes.fold(encodeEventBatch(events), undefined, arrivedAt);
/** As the next process finds it. */
const restored = (minutes: PartitionMinutes): PartitionMinutes => {
  const { state } = decodeMinutes(encodeMinutes({ appliedId: '7-1', state: minutes.toState() }));
  return PartitionMinutes.fromState(state, LATENESS_MS);
};

describe('minutes of a partition', () => {
  it('count what happened in them', () => {
    const minutes = fresh();
    const ts = T0 + 1_000;
    fold(minutes, [
      request(ts),
      request(ts + 1, { user: 'ben', status: 503, durationMs: 80 }),
      request(ts + 2, { route: '/b/7', status: 404 }),
      { kind: 'login', ts, user: 'cleo', ip: 'i', success: false },
      { kind: 'login', ts, user: 'cleo', ip: 'i', success: true },
      { kind: 'token', ts, user: 'cleo', ip: 'i', tokenId: 't', action: 'refresh' },
      { kind: 'token', ts, user: 'dan', ip: 'i', tokenId: 't', action: 'revoke' },
      { kind: 'token', ts, user: 'dan', ip: 'i', tokenId: 't', action: 'issue' },
      { kind: 'channel', ts, user: 'ada', channel: 'room-1', action: 'join' },
      { kind: 'channel', ts, user: 'ada', channel: 'room-2', action: 'message' },
      request(T0 + MINUTE_MS + LATENESS_MS),
    ]);
    const closed = minutes.takeClosed();
    expect(closed).toMatchObject({ from: M0 - 1, through: M0 });
    expect(closed!.minutes).toMatchObject([
      {
        minute: M0,
        users: 4,
        logins: 2,
        failedLogins: 1,
        tokenRefreshes: 1,
        routes: [
          { group: '/a', requests: 2, errors: 1, users: 2 },
          { group: '/b/:id', requests: 1, errors: 0, users: 1 },
        ],
        channels: [{ group: 'room', events: 2, users: 1 }],
      },
    ]);
    expect(minutes.takeClosed()).toBeUndefined();
  });

  it('close once the watermark is past their lateness; later events change nothing', () => {
    const minutes = fresh();
    fold(minutes, [request(T0), request(T0 + MINUTE_MS + LATENESS_MS - 1), request(T0 + 1)]);
    expect(minutes.takeClosed()).toMatchObject({ from: M0 - 1, through: M0 - 1 });
    expect(fold(minutes, [request(T0 + MINUTE_MS + LATENESS_MS), request(T0 + 59_999), request(T0)])).toBe(2);
    expect(minutes.takeClosed()!.minutes).toMatchObject([{ minute: M0, routes: [{ requests: 2 }] }]);
  });

  it('are not closed by a client whose clock is ahead, until the time has come', () => {
    const minutes = fresh();
    const now = T0 + 10_000;
    fold(minutes, [request(T0 + 4 * MINUTE_MS)], now);
    expect(fold(minutes, [request(T0 + 5_000)], now)).toBe(0);
    expect(minutes.takeClosed()).toBeUndefined();
    fold(minutes, [request(T0 + 20_000)], T0 + 2 * MINUTE_MS);
    expect(minutes.takeClosed()!.minutes).toMatchObject([{ minute: M0, routes: [{ requests: 2 }] }]);
    // Further ahead than any receiver takes: the clocks of two machines differ, and few minutes may be open.
    fold(minutes, [request(T0 + 60 * MINUTE_MS)], T0 + 2 * MINUTE_MS);
    expect(minutes.takeClosed()).toMatchObject({ through: M0 + 52 });
  });

  it('close by ticks where nothing happens', () => {
    const minutes = fresh();
    const tick = T0 + 3 * MINUTE_MS + LATENESS_MS;
    expect(minutes.wouldClose(T0)).toBe(true);
    fold(minutes, [request(T0)], T0);
    minutes.takeClosed();
    expect(minutes.wouldClose(T0 + LATENESS_MS - 1)).toBe(false);
    minutes.tick(tick, tick, false);
    expect(minutes.takeClosed()).toMatchObject({ through: M0 + 2, minutes: [{ minute: M0 }] });
    expect(fold(minutes, [request(T0 + 2 * MINUTE_MS)], tick)).toBe(1);
  });

  it('tell which of them had a tick in real time, once, also when somebody else takes over', () => {
    const minutes = fresh();
    fold(minutes, [request(T0)], T0);
    for (const offset of [1, 1.5, 2, 3]) {
      const ts = T0 + offset * MINUTE_MS;
      minutes.tick(ts, ts + MINUTE_MS, offset !== 2);
    }
    expect(minutes.takeClosed()).toMatchObject({ through: M0 + 1, ticks: [M0 + 1], minutes: [{ minute: M0 }] });
    const next = restored(minutes);
    next.tick(T0 + 60 * MINUTE_MS, LATER, true);
    expect(next.takeClosed()).toMatchObject({ from: M0 + 2, through: M0 + 58, ticks: [M0 + 3], minutes: [] });
  });

  it('have one place for the groups that are too many, and give places back', () => {
    const minutes = fresh();
    const scan = Array.from({ length: GROUP_CAPACITY + 20 }, (_, index) =>
      request(T0 + index, { route: `/scan${index}x` }),
    );
    fold(minutes, [...scan, request(T0 + 1_000, { route: '/late' })]);
    fold(minutes, [request(T0 + 2 * MINUTE_MS, { route: '/late' })]);
    const [first] = minutes.takeClosed()!.minutes;
    expect(first!.routes).toHaveLength(GROUP_CAPACITY + 1);
    expect(first!.routes.at(-1)).toMatchObject({ group: OTHER_GROUPS, requests: 21 });
    fold(minutes, [request(T0 + 2 * MINUTE_MS + 1, { route: '/late' }), request(T0 + 4 * MINUTE_MS)]);
    // The first one after the scan had no place either; with the scan's minute its places went.
    expect(minutes.takeClosed()!.minutes[0]!.routes).toMatchObject([
      { group: '/late', requests: 1 },
      { group: OTHER_GROUPS, requests: 1 },
    ]);
  });

  it('say which entry they can not read, and keep what came before in it', () => {
    const minutes = fresh();
    const batch = encodeEventBatch([request(T0), request(T0 + 1)]);
    expect(() => minutes.fold(batch.subarray(0, -1), undefined, LATER)).toThrow(UndecodableError);
    fold(minutes, [request(T0 + 2 * MINUTE_MS)]);
    expect(minutes.takeClosed()!.minutes[0]!.routes[0]!.requests).toBe(1);
  });

  it('leave out events that the call had sent before', () => {
    const minutes = fresh();
    minutes.fold(encodeEventBatch([request(T0), request(T0 + 1), request(T0 + 2)]), Buffer.from('0,2'), LATER);
    fold(minutes, [request(T0 + 2 * MINUTE_MS)]);
    expect(minutes.takeClosed()!.minutes[0]!.routes[0]!.requests).toBe(1);
  });
});

/** Counts the slow and plain way. */
class PlainMinute {
  users = new Set<string>();
  numbers: Record<string, number> = {};
  durations: number[] = [];

  take(event: Event): void {
    this.users.add(event.user);
    this.#add(event.kind);
    if (event.kind === 'login' && !event.success) this.#add('failed');
    if (event.kind === 'token' && event.action === 'refresh') this.#add('refresh');
    if (event.kind === 'request' && event.status >= 500) this.#add('error');
    if (event.kind === 'request') this.durations.push(event.durationMs);
  }

  #add(name: string): void {
    this.numbers[name] = (this.numbers[name] ?? 0) + 1;
  }
}

describe('minutes of traffic', () => {
  const SEED = 20_261_203;
  const random = new Random(SEED);
  // A bit out of order, as from many clients; some by more than the lateness.
  const events = [...normalTraffic({ seed: 4, startMs: T0, endMs: T0 + 5 * 3_600_000, users: 120 })]
    .map((event) => ({ event, at: Number(event.ts) + (random.next() < 0.02 ? 90_000 : 20_000) * random.next() }))
    .sort((left, right) => left.at - right.at)
    .map(({ event }) => event);

  /** Folds in entries of random sizes; between some, the state goes through its snapshot. */
  function folded(cutBy: Random, { restoring }: { restoring: boolean }): { minutes: PartitionMinute[]; late: number } {
    let minutes = fresh();
    const closings: ClosedMinutes[] = [];
    let late = 0;
    for (let from = 0; from < events.length; ) {
      const to = from + 1 + cutBy.int(60);
      late += fold(minutes, events.slice(from, to));
      const closed = minutes.takeClosed();
      if (closed !== undefined) closings.push(decodeClosedMinutes(encodeClosedMinutes(closed)));
      if (restoring && cutBy.next() < 0.3) minutes = restored(minutes);
      from = to;
    }
    for (const [index, { from }] of closings.entries()) {
      if (index > 0) expect(from).toBe(closings[index - 1]!.through + 1);
    }
    return { minutes: closings.flatMap((closed) => closed.minutes), late };
  }

  it('are what a plain count gives', () => {
    console.log(`seed ${SEED}, ${events.length} events`);
    const plain = new Map<number, PlainMinute>();
    let watermark = Number.NEGATIVE_INFINITY;
    let late = 0;
    for (const event of events) {
      const ts = Number(event.ts);
      const minute = Math.floor(ts / MINUTE_MS);
      if ((minute + 1) * MINUTE_MS + LATENESS_MS <= watermark) late++;
      else {
        if (!plain.has(minute)) plain.set(minute, new PlainMinute());
        plain.get(minute)!.take(event);
      }
      watermark = Math.max(watermark, ts);
    }
    const { minutes, late: lateFound } = folded(new Random(1), { restoring: true });
    expect(late).toBeGreaterThan(10);
    expect(lateFound).toBe(late);
    expect(minutes.length).toBeGreaterThan(200);
    for (const found of minutes) {
      const { users, numbers, durations } = plain.get(found.minute)!;
      const total = (of: (route: PartitionMinute['routes'][number]) => number) =>
        found.routes.reduce((sum, route) => sum + of(route), 0);
      expect({
        users: found.users,
        requests: total(({ requests }) => requests),
        errors: total(({ errors }) => errors),
        channels: found.channels.reduce((sum, { events }) => sum + events, 0),
        logins: [found.logins, found.failedLogins],
        refreshes: found.tokenRefreshes,
      }).toEqual({
        users: users.size,
        requests: numbers.request ?? 0,
        errors: numbers.error ?? 0,
        channels: numbers.channel ?? 0,
        logins: [numbers.login ?? 0, numbers.failed ?? 0],
        refreshes: numbers.refresh ?? 0,
      });
      const counts = new Uint32Array(DURATION_BUCKETS);
      for (const { durations } of found.routes) {
        for (let at = 0; at < durations.length; at += 2) counts[durations[at]!]! += durations[at + 1]!;
      }
      const sorted = durations.toSorted((left, right) => left - right);
      const exact = sorted[Math.floor(0.95 * (sorted.length - 1))];
      if (exact !== undefined) expect(Math.abs(durationQuantile(counts, 0.95) / exact - 1)).toBeLessThan(0.0201);
    }
  });

  it('do not depend on how they are cut into entries, nor on who took over in between', () => {
    const whole = folded(new Random(2), { restoring: false });
    for (const seed of [3, 4, 5]) {
      const pieces = folded(new Random(seed), { restoring: true });
      expect(pieces.late).toBe(whole.late);
      expect(pieces.minutes.map(sorted)).toEqual(whole.minutes.map(sorted));
    }
  });

  const sorted = (minute: PartitionMinute): PartitionMinute => ({
    ...minute,
    routes: minute.routes.toSorted((left, right) => (left.group < right.group ? -1 : 1)),
    channels: minute.channels.toSorted((left, right) => (left.group < right.group ? -1 : 1)),
  });

  it('have a state of a few KB', () => {
    const minutes = fresh();
    fold(minutes, events.slice(0, 3_000));
    minutes.takeClosed();
    const bytes = encodeMinutes({ appliedId: '1-0', state: minutes.toState() });
    console.log(`${bytes.length} bytes`);
    expect(bytes.length).toBeLessThan(20_000);
    expect(() => decodeMinutes(bytes.subarray(0, -3))).toThrow(UndecodableError);
    expect(() => decodeMinutes(Buffer.from('other'))).toThrow(UndecodableError);
  });
});

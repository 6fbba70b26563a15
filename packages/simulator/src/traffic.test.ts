import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type Event, eventSchema } from '@liminal/shared/contracts/event';
import { FEATURE_NAMES } from '@liminal/shared/contracts/feature-vector';
import { replayEvents } from '@liminal/shared/features/replay';
import { describe, expect, it } from 'vitest';
import { labelSchema, SCENARIOS } from './label.ts';
import { createPopulation } from './people/population.ts';
import { normalTraffic, simulateTraffic } from './traffic.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** A Monday, midnight UTC. */
const MONDAY = Date.UTC(2026, 10, 16);
const day = { seed: 11, startMs: MONDAY, endMs: MONDAY + DAY_MS, users: 200 };

const timeOf = (event: Event) => event.ts as number;

function countBy<T, K>(items: Iterable<T>, key: (item: T) => K): Map<K, number> {
  const counts = new Map<K, number>();
  for (const item of items) counts.set(key(item), (counts.get(key(item)) ?? 0) + 1);
  return counts;
}

describe('simulateTraffic', () => {
  const traffic = simulateTraffic(day);
  const events = [...traffic.events()];

  it('gives the same events and labels for the same options, and others for another seed', () => {
    const text = JSON.stringify(events);
    expect(JSON.stringify([...traffic.events()]) === text).toBe(true);
    const again = simulateTraffic(day);
    expect(JSON.stringify([...again.events()]) === text).toBe(true);
    expect(again.labels).toEqual(traffic.labels);
    const other = [...simulateTraffic({ ...day, seed: 12 }).events()];
    expect(other.slice(0, 100).map(timeOf)).not.toEqual(events.slice(0, 100).map(timeOf));
  });

  it('yields valid events in time order inside the period, each with an id of its own', () => {
    let last = day.startMs;
    for (const event of events) {
      const parsed = eventSchema.safeParse(event);
      if (!parsed.success) throw new Error(`${JSON.stringify(event)}: ${parsed.error.message}`);
      if (timeOf(event) < last) throw new Error(`${event.id} comes after a later event`);
      last = timeOf(event);
    }
    expect(last).toBeLessThan(day.endMs);
    expect(new Set(events.map((event) => event.id)).size).toBe(events.length);
  });

  it('knows the same people in another period, and lets them do other things', () => {
    const later = [...simulateTraffic({ ...day, startMs: day.endMs, endMs: day.endMs + DAY_MS }).events()];
    const userAgents = (list: Event[]) => {
      const first = new Map<string, Set<string>>();
      const attackers = /^2001:/;
      for (const event of list) {
        if (event.kind !== 'request' || attackers.test(event.ip)) continue;
        first.set(event.user, (first.get(event.user) ?? new Set()).add(event.userAgent ?? ''));
      }
      return first;
    };
    const after = userAgents(later);
    let known = 0;
    for (const [user, agents] of userAgents(events)) {
      if ([...(after.get(user) ?? [])].some((agent) => agents.has(agent))) known++;
    }
    expect(known).toBeGreaterThan(0.7 * after.size);
    const tokens = new Set(events.flatMap((event) => ('tokenId' in event ? [event.tokenId] : [])));
    for (const event of later) {
      if ('tokenId' in event && tokens.has(event.tokenId)) throw new Error(`${event.tokenId} comes back a day later`);
    }
  });

  it('attacks nobody among a handful of users unless asked to, and leaves most users alone over weeks', () => {
    expect(simulateTraffic({ ...day, users: 5 }).labels).toEqual([]);
    for (const users of [20, 50, 300]) {
      for (let seed = 0; seed < 20; seed++) {
        const { labels } = simulateTraffic({ seed, users, startMs: MONDAY, endMs: MONDAY + 30 * DAY_MS });
        expect(labels.flatMap((label) => label.users).length).toBeLessThanOrEqual(users / 2);
      }
    }
  });

  it('gives other ids when the period moves, so that a second run is not taken for the first', () => {
    const moved = simulateTraffic({ ...day, startMs: day.startMs + 1 });
    const ids = new Set(events.map((event) => event.id));
    for (const event of moved.events()) {
      if (ids.has(event.id)) throw new Error(`${event.id} names two different events`);
    }
  });

  it('has every kind of event and every action', () => {
    const seen = countBy(events, (event) => ('action' in event ? `${event.kind} ${event.action}` : event.kind));
    for (const kind of ['request', 'login', 'channel join', 'channel message', 'channel leave']) {
      expect(seen.get(kind), kind).toBeGreaterThan(20);
    }
    for (const action of ['issue', 'refresh', 'use', 'revoke']) {
      expect(seen.get(`token ${action}`), action).toBeGreaterThan(20);
    }
  });

  it('shows a token only to its user, and only after it was issued', () => {
    const owners = new Map<string, string>();
    for (const event of events) {
      if (event.kind === 'token' && (event.action === 'issue' || event.action === 'refresh')) {
        expect(owners.has(event.tokenId)).toBe(false);
        owners.set(event.tokenId, event.user);
      } else if ((event.kind === 'token' || event.kind === 'request') && event.tokenId !== undefined) {
        if (owners.get(event.tokenId) !== event.user) throw new Error(`${event.id} shows a token out of nowhere`);
      }
    }
  });

  it('labels every scenario, with spans and addresses that match the events', () => {
    expect(new Set(traffic.labels.map((label) => label.scenario))).toEqual(new Set(SCENARIOS));
    const victims = traffic.labels.flatMap((label) => label.users);
    expect(new Set(victims).size).toBe(victims.length);
    for (const label of traffic.labels) {
      expect(labelSchema.parse(label)).toEqual(label);
      const ips = new Set(label.ips);
      const attacking = events.filter((event) => 'ip' in event && ips.has(event.ip));
      const users = new Set(attacking.map((event) => event.user));
      expect(users).toEqual(new Set([...label.users, ...label.touchedUsers]));
      expect(timeOf(attacking[0]!)).toBeGreaterThanOrEqual(label.fromMs);
      expect(timeOf(attacking.at(-1)!)).toBeLessThanOrEqual(label.toMs);
      expect(new Set(attacking.map((event) => ('ip' in event ? event.ip : '')))).toEqual(ips);
    }
  });

  it('lets the others live on unchanged when some are attacked', () => {
    const attacked = new Set(traffic.labels.flatMap((label) => [...label.users, ...label.touchedUsers]));
    const bare = ({ id: _, ...event }: Event) => event;
    const others = (source: Iterable<Event>) => [...source].filter((event) => !attacked.has(event.user)).map(bare);
    expect(JSON.stringify(others(events)) === JSON.stringify(others(normalTraffic(day)))).toBe(true);
  });

  it('refuses options that make no sense', () => {
    expect(() => simulateTraffic({ ...day, endMs: day.startMs })).toThrow(/end after the start/);
    expect(() => simulateTraffic({ ...day, users: 0 })).toThrow(/users must be at least 1/);
    expect(() => simulateTraffic({ ...day, users: 3, attacks: { scraping: 9 } })).toThrow(/too few/);
  });

  it('makes events only as they are asked for', () => {
    const years = simulateTraffic({ ...day, endMs: day.startMs + 3650 * DAY_MS, attacks: 'none' });
    const started = performance.now();
    const run = years.events();
    for (let taken = 0; taken < 5_000; taken++) expect(run.next().done).toBe(false);
    // Ten years of this platform are 200 million events; making them all takes minutes.
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  it('needs no more memory for days than for a day', () => {
    setFlagsFromString('--expose-gc');
    const collect: () => void = runInNewContext('gc');
    const run = normalTraffic({ ...day, endMs: day.startMs + 30 * DAY_MS });
    const heapBytesAt = (untilMs: number) => {
      for (let next = run.next(); !next.done && timeOf(next.value) < untilMs; next = run.next());
      collect();
      return process.memoryUsage().heapUsed;
    };
    const afterADay = heapBytesAt(MONDAY + DAY_MS);
    const afterAWeek = heapBytesAt(MONDAY + 7 * DAY_MS);
    // A week's events as objects are about 100 MB.
    expect(afterAWeek - afterADay).toBeLessThan(4_000_000);
  });
});

describe('normalTraffic', () => {
  const events = [...normalTraffic({ ...day, users: 400 })];

  it('is heavy-tailed over users', () => {
    const counts = [...countBy(events, (event) => event.user).values()].sort((a, b) => b - a);
    const total = events.length;
    const top = counts.slice(0, 40).reduce((sum, count) => sum + count, 0);
    // Equal users would give the top tenth 10%, an exponential distribution 33%.
    expect(top / total).toBeGreaterThan(0.36);
    expect(top / total).toBeLessThan(0.75);
    expect(counts[0]! / counts[Math.floor(counts.length / 2)]!).toBeGreaterThan(6);
  });

  it('follows the day, each zone its own', () => {
    const perHour = countBy(events, (event) => Math.floor((timeOf(event) - MONDAY) / HOUR_MS));
    const hours = Array.from({ length: 24 }, (_, hour) => perHour.get(hour) ?? 0);
    const busiest = Math.max(...hours);
    expect(busiest / Math.min(...hours)).toBeGreaterThan(4);
    // Most live an hour ahead of UTC and are busiest in their afternoon.
    expect(hours.indexOf(busiest)).toBeGreaterThanOrEqual(9);
    expect(hours.indexOf(busiest)).toBeLessThanOrEqual(17);
  });

  it('comes in bursts: most windows lie far above a Poisson process', () => {
    const column = FEATURE_NAMES.indexOf('burstiness_score');
    const scores = Array.from(replayEvents(events), (vector) => vector.values[column]!)
      .filter((score) => !Number.isNaN(score))
      .sort((a, b) => a - b);
    // 0 for a Poisson process, 1 for one burst in all the time.
    const median = scores[scores.length >> 1]!;
    expect(median).toBeGreaterThan(0.4);
    expect(median).toBeLessThan(0.8);
  });

  it('has offices whose users share an address, failed sign-ins and newcomers', () => {
    const usersOfIp = new Map<string, Set<string>>();
    for (const event of events) {
      if (!('ip' in event)) continue;
      usersOfIp.set(event.ip, (usersOfIp.get(event.ip) ?? new Set()).add(event.user));
    }
    const crowded = [...usersOfIp.values()].filter((users) => users.size >= 5);
    // 11 offices for 400 users.
    expect(crowded.length).toBeGreaterThan(5);
    expect(crowded.length).toBeLessThan(20);

    const logins = events.filter((event) => event.kind === 'login');
    const failed = logins.filter((event) => !event.success).length / logins.length;
    expect(failed).toBeGreaterThan(0.015);
    expect(failed).toBeLessThan(0.1);

    const firstSeen = new Map<string, number>();
    for (const event of events) if (!firstSeen.has(event.user)) firstSeen.set(event.user, timeOf(event));
    const accounts = createPopulation(day.seed, 400, day.startMs, day.endMs);
    const newcomers = accounts.filter((account) => account.appearsAtMs > day.startMs);
    expect(newcomers.length).toBeGreaterThan(12);
    expect(newcomers.length).toBeLessThan(60);
    for (const { user, appearsAtMs } of newcomers) {
      expect(firstSeen.get(user) ?? Number.POSITIVE_INFINITY).toBeGreaterThanOrEqual(Math.floor(appearsAtMs));
    }
  });

  it('is made fast enough to feed the suite', () => {
    const started = performance.now();
    let made = 0;
    for (const _ of normalTraffic({ ...day, users: 400, endMs: MONDAY + 3 * DAY_MS })) made++;
    const perSecond = made / ((performance.now() - started) / 1_000);
    // 450k/s alone on one core; the margin is for machines that do other things beside the tests.
    expect(perSecond).toBeGreaterThan(80_000);
  });
});

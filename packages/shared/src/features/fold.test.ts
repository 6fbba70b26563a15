import { describe, expect, it } from 'vitest';
import type { Event } from '../contracts/event.ts';
import { toEventRow } from '../contracts/event-batch.ts';
import { FEATURE_COUNT, LOAD_HISTORY_MINUTES } from '../contracts/feature-vector.ts';
import { Random } from '../runtime/random.ts';
import { foldEvent } from './fold.ts';
import { UserState } from './user-state.ts';
import { decodeSnapshot, encodeSnapshot } from './user-state-codec.ts';
import { featureValues } from './vector.ts';

const T0 = Date.UTC(2026, 0, 5, 12);
const MINUTE = 60_000;

const request = (ts: number, over: Partial<Extract<Event, { kind: 'request' }>> = {}): Event => ({
  kind: 'request',
  ts,
  user: 'ada',
  ip: '192.0.2.1',
  method: 'GET',
  route: '/rooms',
  status: 200,
  durationMs: 3,
  ...over,
});
const login = (ts: number): Event => ({ kind: 'login', ts, user: 'ada', ip: '192.0.2.1', success: true });
const message = (ts: number): Event => ({ kind: 'channel', ts, user: 'ada', channel: 'tea', action: 'message' });
const token = (ts: number, tokenId: string, ip: string): Event => ({
  kind: 'token',
  ts,
  user: 'ada',
  tokenId,
  action: 'use',
  ip,
});

function folded(events: readonly Event[]): UserState {
  const state = new UserState();
  for (const event of events) foldEvent(state, toEventRow(event));
  return state;
}

const featuresOf = (events: readonly Event[]): Float32Array => featureValues(folded(events)).subarray(0, FEATURE_COUNT);
const loadOf = (events: readonly Event[]): Float32Array => featureValues(folded(events)).subarray(FEATURE_COUNT);

describe('features', () => {
  it('count requests and channel events of the last five minutes per minute', () => {
    const events = [request(T0 - 6 * MINUTE), request(T0 - 4 * MINUTE), request(T0), message(T0)];
    const [requests, , , channels] = featuresOf(events);
    expect(requests).toBeCloseTo(2 / 5, 6);
    expect(channels).toBeCloseTo(1 / 5, 6);
  });

  it('keep counting beyond the ring of 128 events', () => {
    const events = Array.from({ length: 2_060 }, (_, index) => request(T0 + index * 145));
    // 299 s of 2,060 requests: all of them are inside the window.
    expect(featuresOf(events)[0]).toBeCloseTo(2_060 / 5, 3);
    const busyForTenMinutes = Array.from({ length: 6_000 }, (_, index) => request(T0 + index * 100));
    expect(featuresOf(busyForTenMinutes)[0]).toBeCloseTo(600, 0);
  });

  it('measure the entropy of the request IPs', () => {
    const ips = ['a', 'a', 'b', 'b', 'c'];
    expect(featuresOf(ips.map((ip, index) => request(T0 + index, { ip })))[2]).toBeCloseTo(1.521928, 5);
  });

  it('measure burstiness of the gaps between requests', () => {
    expect(featuresOf([0, 1, 3, 8, 12].map((s) => request(T0 + s * 1000)))[1]).toBeCloseTo(-0.298168, 5);
  });

  it('take the median gap of the last 16 logins, however old', () => {
    expect(featuresOf([login(T0), login(T0 + 3_600_000), login(T0 + 3_602_000), login(T0 + 3_604_000)])[5]).toBe(2);
    const many = Array.from({ length: 40 }, (_, index) =>
      login(T0 + (index < 24 ? index * 1000 : 24_000 + (index - 24) * 9_000)),
    );
    expect(featuresOf(many)[5]).toBe(9);
  });

  it('see a token that is used by two clients', () => {
    const mine = [token(T0, 't', '192.0.2.1'), token(T0 + 1, 't', '192.0.2.1')];
    expect(featuresOf(mine)[6]).toBe(0);
    const stolen = [...mine, token(T0 + 2, 't', '203.0.113.9'), token(T0 + 3, 't', '203.0.113.9')];
    expect(featuresOf(stolen)[6]).toBe(1);
  });

  it('are NaN where nothing was observed', () => {
    const [requests, burst, ips, channels, predicted, logins, tokens] = featuresOf([message(T0)]);
    expect([requests, channels]).toEqual([0, Math.fround(1 / 5)]);
    for (const value of [burst, ips, predicted, logins, tokens]) expect(value).toBeNaN();
  });
});

describe('load history', () => {
  it('counts whole minutes and leaves the running one out', () => {
    const history = loadOf([request(T0), request(T0 + 1), request(T0 + MINUTE), request(T0 + 3 * MINUTE + 5)]);
    expect([...history.slice(-3)]).toEqual([2, 1, 0]);
    expect(history.slice(0, -3).every(Number.isNaN)).toBe(true);
  });

  it('forgets what is older than 33 minutes', () => {
    const history = loadOf([request(T0), request(T0 + 40 * MINUTE)]);
    expect(history).toHaveLength(LOAD_HISTORY_MINUTES);
    expect([...history]).toEqual(Array(LOAD_HISTORY_MINUTES).fill(0));
  });
});

describe('foldEvent', () => {
  it('emits at the first event and then after ten seconds of event time', () => {
    const state = new UserState();
    const due = [0, 9_999, 10_000, 15_000, 20_000].map((ms) => foldEvent(state, toEventRow(request(T0 + ms))));
    expect(due).toEqual([true, false, true, false, true]);
    expect(state.seq).toBe(3);
  });

  it('counts a late event and changes nothing else', () => {
    const events = [request(T0), request(T0 + 400_000)];
    const before = folded(events);
    const after = folded([...events, request(T0 + 100_000)]);
    expect(after.late).toBe(1);
    expect(featureValues(after)).toEqual(featureValues(before));
  });

  it('gives the same features for events that come out of order inside the window', () => {
    const inOrder = [0, 1, 3, 8, 12].map((s) => request(T0 + s * 1000, { ip: `ip-${s}` }));
    const shuffled = [inOrder[0]!, inOrder[3]!, inOrder[1]!, inOrder[4]!, inOrder[2]!];
    expect(featuresOf(shuffled)).toEqual(featuresOf(inOrder));
  });
});

describe('snapshots', () => {
  it('continue a fold bit for bit from any point, in at most 4 KB', () => {
    const seed = 20_261_123;
    const random = new Random(seed);
    const straight = new UserState();
    let resumed = new UserState();
    let ts = T0;
    let largest = 0;
    for (let index = 0; index < 6_000; index++) {
      ts += Math.round(random.exponential(random.next() < 0.9 ? 300 : 60_000));
      const at = random.next() < 0.05 ? Math.max(0, ts - random.int(400_000)) : ts;
      const kinds: Event[] = [
        request(at, { ip: `ip-${random.int(9)}`, tokenId: `t-${random.int(3)}` }),
        login(at),
        message(at),
        token(at, `t-${random.int(3)}`, `ip-${random.int(9)}`),
      ];
      const row = toEventRow(kinds[random.int(10)] ?? kinds[0]!);
      expect(foldEvent(resumed, row), `seed ${seed}, event ${index}`).toBe(foldEvent(straight, row));
      if (random.next() < 0.2) {
        const bytes = encodeSnapshot({ appliedId: `${index}-7`, state: resumed });
        largest = Math.max(largest, bytes.length);
        const snapshot = decodeSnapshot(bytes);
        expect(snapshot.appliedId).toBe(`${index}-7`);
        resumed = snapshot.state;
      }
      if (index % 50 === 0)
        expect(featureValues(resumed), `seed ${seed}, event ${index}`).toEqual(featureValues(straight));
    }
    const [one, other] = [straight, resumed].map((state) => encodeSnapshot({ appliedId: '1-1', state }));
    expect(one).toEqual(other);
    expect(largest).toBeGreaterThan(2_000);
    expect(largest).toBeLessThanOrEqual(4_096);
  });

  it('are refused when cut short or of another version', () => {
    const bytes = encodeSnapshot({ appliedId: '1-1', state: folded([request(T0)]) });
    expect(() => decodeSnapshot(bytes.subarray(0, bytes.length - 3))).toThrow('cut short');
    expect(() => decodeSnapshot(Buffer.concat([Buffer.of(9), bytes]))).toThrow('format version');
  });
});

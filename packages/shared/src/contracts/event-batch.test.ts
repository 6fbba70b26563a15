import { describe, expect, it } from 'vitest';
import { Random } from '../runtime/random.ts';
import { type Event, eventSchema } from './event.ts';
import { toEventRow } from './event-batch.ts';
import { decodeEventRows, decodeEvents, readIps } from './event-batch-reader.ts';
import { EventBatchWriter, encodeEventBatch } from './event-batch-writer.ts';
import { isPlainEvent } from './plain-event.ts';
import { UndecodableError } from './undecodable-error.ts';

const SEED = 20_261_125;
const T0 = Date.UTC(2026, 10, 25);

/** Events of every kind, with and without what is optional, in ASCII, Latin, emoji and at their greatest lengths. */
function randomEvent(random: Random): Event {
  const alphabets = ['abc-09:', 'äöüßé', '中文字', '😀🦊', '\u0000\u007f"\\'];
  const text = (maxLength: number): string => {
    const letters = [...alphabets[random.int(alphabets.length)]!];
    const length = random.next() < 0.05 ? maxLength : 1 + random.int(Math.min(maxLength, 20));
    let result = '';
    while (result.length < length) result += letters[random.int(letters.length)]!;
    return result.slice(0, length).toWellFormed();
  };
  const maybe = <T>(value: T): T | undefined => (random.next() < 0.5 ? value : undefined);
  const shared = { ts: T0 + random.int(1_000_000_000), user: text(256), id: maybe(text(128)) };
  const client = { ip: text(64), userAgent: maybe(text(1024)) };
  const events: Event[] = [
    {
      kind: 'request',
      ...shared,
      ...client,
      method: text(32),
      route: text(1024),
      status: 100 + random.int(500),
      durationMs: random.exponential(30),
      bytes: maybe(random.int(2 ** 31)),
      tokenId: maybe(text(256)),
    },
    { kind: 'login', ...shared, ...client, success: random.next() < 0.5 },
    { kind: 'token', ...shared, ...client, tokenId: text(256), action: 'refresh' },
    { kind: 'channel', ...shared, channel: text(256), action: 'leave' },
  ];
  // As JSON brings them: what is undefined is not there.
  return JSON.parse(JSON.stringify(events[random.int(events.length)])) as Event;
}

const randomEvents = (count: number, seed = SEED): Event[] => {
  const random = new Random(seed);
  return Array.from({ length: count }, () => randomEvent(random));
};

describe('an event batch', () => {
  it('gives back the events that were packed', () => {
    const events = randomEvents(2_000);
    expect(decodeEvents(encodeEventBatch(events))).toEqual(events);
    expect(decodeEvents(encodeEventBatch([]))).toEqual([]);
  });

  it('gives the fold what it would get from the events themselves', () => {
    const events = randomEvents(2_000);
    expect(decodeEventRows(encodeEventBatch(events))).toEqual(events.map(toEventRow));
  });

  it('takes times in ISO 8601', () => {
    const event: Event = { kind: 'login', ts: '2026-11-25T02:00:00+02:00', user: 'ada', ip: '::1', success: true };
    expect(decodeEvents(encodeEventBatch([event]))).toEqual([{ ...event, ts: T0 }]);
  });

  it('leaves out the positions to skip', () => {
    const events = randomEvents(5);
    const skip = Buffer.from('1,4');
    expect(decodeEvents(encodeEventBatch(events), skip)).toEqual([events[0], events[2], events[3]]);
    expect(decodeEventRows(encodeEventBatch(events), skip)).toHaveLength(3);
  });

  it('tells the IPs of some of its events', () => {
    const events = randomEvents(50);
    const skip = Buffer.from('0,3,7');
    const ips = decodeEvents(encodeEventBatch(events), skip).map((event) => ('ip' in event ? event.ip : undefined));
    const wanted = [0, 1, 2, 5, 20, 46];
    expect(readIps(encodeEventBatch(events), skip, wanted)).toEqual(wanted.map((position) => ips[position]));
    expect(readIps(encodeEventBatch(events), undefined, [])).toEqual([]);
  });

  it('tells the newest user', () => {
    const writer = new EventBatchWriter();
    for (const event of randomEvents(200)) {
      writer.append(event);
      expect(Buffer.from(writer.newestUser).toString()).toBe(event.user);
    }
  });

  it('is refused as undecodable wherever it is cut, and when bytes are changed nothing else is thrown', () => {
    const bytes = encodeEventBatch(randomEvents(3));
    const whole = new Set([1, ...[1, 2].map((count) => encodeEventBatch(randomEvents(3).slice(0, count)).length)]);
    for (let length = 0; length < bytes.length; length++) {
      const cut = bytes.subarray(0, length);
      if (whole.has(length)) expect(decodeEventRows(cut).length).toBeLessThan(3);
      else expect(() => decodeEventRows(cut), `cut at ${length}`).toThrow(UndecodableError);
    }
    const random = new Random(SEED);
    for (let trial = 0; trial < 5_000; trial++) {
      const changed = Buffer.from(bytes);
      changed[random.int(changed.length)] = random.int(256);
      for (const decode of [decodeEventRows, decodeEvents]) {
        try {
          decode(changed);
        } catch (error) {
          expect(error, `seed ${SEED}, trial ${trial}`).toBeInstanceOf(UndecodableError);
        }
      }
    }
  });
});

describe('isPlainEvent', () => {
  it('knows events as they come', () => {
    for (const event of randomEvents(2_000)) expect(isPlainEvent(event), JSON.stringify(event)).toBe(true);
  });

  it('never says yes where the schema says no, whatever is changed in an event', () => {
    const random = new Random(SEED);
    const values: unknown[] = [
      ...[undefined, null, '', 'x', '\ud800', 'x'.repeat(1_025), 0, -1, 0.5, 99, 600, 2 ** 53, Number.NaN, -0],
      ...[Number.POSITIVE_INFINITY, true, {}, [], 'request', 'channel', '2026-11-25T00:00:00Z', 'join', 'issue'],
    ];
    const names = ['kind', 'ts', 'user', 'id', 'ip', 'method', 'route', 'status', 'durationMs', 'bytes', 'userAgent'];
    names.push('tokenId', 'success', 'action', 'channel', 'colour', '__proto__', 'constructor');
    let yes = 0;
    let no = 0;
    for (const event of randomEvents(20_000)) {
      const changed: Record<string, unknown> = { ...event };
      for (let changes = random.int(3); changes > 0; changes--) {
        const name = names[random.int(names.length)]!;
        if (random.next() < 0.3) delete changed[name];
        else Object.defineProperty(changed, name, { value: values[random.int(values.length)], ...OWN });
      }
      const result = eventSchema.safeParse(changed);
      if (!isPlainEvent(changed)) {
        no++;
        continue;
      }
      yes++;
      expect(result.error, JSON.stringify(changed)).toBeUndefined();
      expect(result.data).toEqual(changed);
    }
    expect(yes).toBeGreaterThan(5_000);
    expect(no).toBeGreaterThan(5_000);
  });

  it.each([null, undefined, 7, 'text', [], {}])('says no to %j', (value) => expect(isPlainEvent(value)).toBe(false));
});

const OWN = { enumerable: true, configurable: true, writable: true };

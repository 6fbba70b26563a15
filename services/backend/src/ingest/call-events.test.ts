import { type Event, MAX_CLOCK_SKEW_MS, MAX_EVENTS_PER_CALL } from '@liminal/shared/contracts/event';
import { decodeEvents } from '@liminal/shared/contracts/event-batch-reader';
import { partitionOf } from '@liminal/shared/contracts/partition';
import { LiminalError } from '@liminal/shared/runtime/errors';
import { describe, expect, test } from 'vitest';
import { CallEvents } from './call-events.ts';
import { MAX_EVENTS_PER_ENTRY } from './pack.ts';

const NOW = Date.parse('2026-11-23T10:00:00Z');
const PARTITIONS = 8;
const login = { kind: 'login', ts: NOW, user: 'ada', ip: '192.0.2.1', success: true };

function take(values: unknown[]): CallEvents {
  const events = new CallEvents(PARTITIONS, NOW);
  events.add(values);
  return events;
}

const packedEvents = (events: CallEvents): Event[] => events.batches().flatMap(({ bytes }) => decodeEvents(bytes));

function detailsOf(values: unknown[]): unknown {
  try {
    take(values);
  } catch (error) {
    if (error instanceof LiminalError && error.code === 'LIMINAL_ERR_EVENT_INVALID') return error.details;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('checking', () => {
  test.each([
    ['a missing field', { ...login, ip: undefined }, 'ip', /missing/],
    ['a wrong type', { ...login, success: 'yes' }, 'success', /boolean/],
    ['an unknown field', { ...login, colour: 'red' }, 'colour', /no field/],
    ['an unknown kind', { ...login, kind: 'logout' }, 'kind', /request, login, token or channel/],
    ['a time without a zone', { ...login, ts: '2026-11-23T10:00:00' }, 'ts', /ISO 8601/],
    ['a time before 1970', { ...login, ts: '1969-12-31T23:59:59Z' }, 'ts', /1970/],
    ['half a surrogate pair', { ...login, user: '\ud800' }, 'user', /Unicode/],
    ['no object', 7, '', /object/],
    ['null', null, '', /object/],
    ['an array', [login], '', /object/],
  ])('refuses %s and says where and why', (_, event, path, reason) => {
    expect(detailsOf([login, event, { kind: 'worse' }])).toEqual({
      index: 1,
      path,
      reason: expect.stringMatching(reason),
    });
  });

  test('counts on over the pieces of a call', () => {
    const events = take([login, login]);
    expect(() => events.add([login, {}])).toThrow(/Event 3 /);
  });

  test('an event may run ahead by the clock skew, and no millisecond more', () => {
    expect(take([{ ...login, ts: NOW + MAX_CLOCK_SKEW_MS }]).count).toBe(1);
    expect(detailsOf([{ ...login, ts: NOW + MAX_CLOCK_SKEW_MS + 1 }])).toMatchObject({ index: 0, path: 'ts' });
    expect(detailsOf([{ ...login, ts: '2026-11-23T12:05:01+02:00' }])).toMatchObject({ path: 'ts' });
  });

  test('a call carries no more than its limit', () => {
    const events = take(new Array(MAX_EVENTS_PER_CALL).fill(login));
    expect(() => events.add([login])).toThrow(expect.objectContaining({ code: 'LIMINAL_ERR_EVENTS_TOO_MANY' }));
  });
});

describe('sorting', () => {
  test('puts the events of a user into one partition, in order', () => {
    const users = ['ada', 'ben', 'cleo', 'ada', 'ben', 'ada'];
    const events = take(users.map((user, index) => ({ ...login, user, ts: NOW - 10 + index })));
    for (const { partition, bytes } of events.batches()) {
      const packed = decodeEvents(bytes);
      for (const { user } of packed) expect(partitionOf(user, PARTITIONS)).toBe(partition);
      const times = packed.map(({ ts }) => ts);
      expect(times).toEqual([...times].sort());
    }
    expect(packedEvents(events)).toHaveLength(users.length);
  });

  test('the first of several events with one id counts, whatever their times', () => {
    const events = take([
      { ...login, id: 'x', ts: NOW - 2 },
      { ...login, id: 'x', ts: NOW - 1 },
      { ...login, id: 'y' },
      login,
      login,
    ]);
    expect(events.duplicates).toBe(1);
    expect(packedEvents(events).map(({ ts }) => ts)).toEqual([NOW - 2, NOW, NOW, NOW]);
  });

  test('ids belong to their users', () => {
    const events = take([
      { ...login, user: 'a', id: 'bc' },
      { ...login, user: 'ab', id: 'c' },
      { ...login, user: 'b', id: 'bc' },
    ]);
    expect(events.duplicates).toBe(0);
    expect(
      take(['ada', 'ben', 'ben', 'cleo', 'ada', 'cleo'].map((user) => ({ ...login, user, id: 'x' }))).duplicates,
    ).toBe(3);
  });

  test('no entry grows past what a reader decodes in one go', () => {
    const call = take(new Array(MAX_EVENTS_PER_ENTRY * 2 + 1).fill(login));
    expect(call.batches().map(({ events }) => events)).toEqual([MAX_EVENTS_PER_ENTRY, MAX_EVENTS_PER_ENTRY, 1]);
  });
});

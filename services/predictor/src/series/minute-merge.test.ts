import type { ClosedMinutes, PartitionMinute } from '@liminal/shared/contracts/platform-minutes';
import { describe, expect, it } from 'vitest';
import { MinuteMerge } from './minute-merge.ts';

const counts = (minute: number, fields: Partial<PartitionMinute> = {}): PartitionMinute => {
  return { minute, users: 1, logins: 0, failedLogins: 0, tokenRefreshes: 0, routes: [], channels: [], ...fields };
};
/** Minutes in which something happened, of those that are closed. */
const closed = (from: number, through: number, busy: number[], ticks: number[] = []): ClosedMinutes => {
  return { from, through, ticks, minutes: busy.map((minute) => counts(minute)) };
};
const letter = (id: string) => ({ id, reason: 'r', payload: Buffer.alloc(0) });

/** Users by minute, of all minutes that can be merged. */
function drain(merge: MinuteMerge): [minute: number, users: number][] {
  const minutes: [number, number][] = [];
  for (let minute = merge.next(); minute !== undefined; minute = merge.next())
    minutes.push([minute.minute, minute.users]);
  return minutes;
}

describe('minutes of the platform', () => {
  it('are the sums of those of the partitions', () => {
    const merge = new MinuteMerge(2);
    const route = { group: '/a', requests: 3, errors: 1, users: 2, durations: [7, 2, 9, 1] };
    const minute = { logins: 2, failedLogins: 1, tokenRefreshes: 4, routes: [route] };
    const channels = [{ group: 'room', events: 5, users: 2 }];
    merge.push(0, '1-0', { from: 5, through: 5, ticks: [], minutes: [counts(5, { ...minute, channels })] });
    merge.push(1, '1-0', { from: 5, through: 5, ticks: [], minutes: [counts(5, { ...minute, users: 7 })] });
    const merged = merge.next()!;
    expect(merged).toMatchObject({ minute: 5, users: 8, logins: 4, failedLogins: 2, tokenRefreshes: 8 });
    expect(merged.channels).toEqual(new Map([['room', { events: 5, users: 2 }]]));
    const { durations, ...totals } = merged.routes.get('/a')!;
    expect(totals).toEqual({ requests: 6, errors: 2, users: 4 });
    expect([durations[7], durations[8], durations[9]]).toEqual([4, 0, 2]);
    expect(merge.next()).toBeUndefined();
  });

  it('wait until every partition has passed them', () => {
    const merge = new MinuteMerge(3);
    merge.push(0, '1-0', closed(5, 9, [5, 6, 9]));
    merge.push(1, '1-0', closed(6, 7, [6]));
    expect(drain(merge)).toEqual([]);
    merge.push(2, '1-0', closed(7, 20, []));
    expect(drain(merge)).toEqual([
      [5, 1],
      [6, 2],
    ]);
    merge.push(1, '2-0', closed(8, 9, []));
    expect(drain(merge)).toEqual([
      [7, 0],
      [8, 0],
      [9, 1],
    ]);
  });

  it('in which nothing happened are such, up to ten in a row; more are a gap', () => {
    const merge = new MinuteMerge(1);
    merge.push(0, '1-0', closed(1, 40, [1, 12, 24]));
    expect(drain(merge)).toHaveLength(12 + 1);
    expect(merge.takeGaps()).toBe(11);
    // Whether it was quiet or a gap shows when something happens again.
    merge.push(0, '2-0', closed(41, 60, [50]));
    expect(drain(merge)).toEqual([[50, 1]]);
    expect(merge.takeGaps()).toBe(25);
    expect(merge.state.merged).toBe(50);
  });

  it('are known where the clock ticked in one partition', () => {
    const merge = new MinuteMerge(2);
    const ticks = Array.from({ length: 30 }, (_, index) => 2 + index);
    merge.push(0, '1-0', closed(1, 40, [1], ticks));
    merge.push(1, '1-0', closed(1, 40, []));
    expect(drain(merge)).toEqual([[1, 1], ...ticks.map((minute) => [minute, 0])]);
  });

  it('that a partition lost are a gap, whatever the others say', () => {
    const merge = new MinuteMerge(2);
    merge.push(0, '1-0', closed(1, 2, [1, 2]));
    merge.push(0, '2-0', closed(3, 9, [3, 4, 5, 6, 7, 8, 9]));
    merge.push(1, '1-0', closed(1, 2, []));
    merge.push(1, '7-0', closed(6, 9, [7]));
    expect(drain(merge)).toEqual([
      [1, 1],
      [2, 1],
      [6, 1],
      [7, 2],
      [8, 1],
      [9, 1],
    ]);
    expect(merge.takeGaps()).toBe(3);
  });

  it('go on from a state without missing or repeating one', () => {
    const entries = [closed(1, 3, [1, 3]), closed(4, 4, [4]), closed(5, 8, [8])];
    const whole = new MinuteMerge(2);
    for (const [index, entry] of entries.entries()) {
      whole.push(0, `${index + 1}-0`, entry);
      whole.push(1, `${index + 1}-0`, entry);
    }
    const wanted = drain(whole);
    for (let stop = 1; stop < wanted.length; stop++) {
      const first = new MinuteMerge(2);
      for (const [index, entry] of entries.entries()) {
        first.push(0, `${index + 1}-0`, entry);
        first.push(1, `${index + 1}-0`, entry);
      }
      const minutes: [number, number][] = [];
      for (let taken = 0; taken < stop; taken++) {
        const { minute, users } = first.next()!;
        minutes.push([minute, users]);
      }
      const second = new MinuteMerge(2, structuredClone(first.state));
      for (const partition of [0, 1]) {
        const read = Number(second.reading(partition).id.split('-')[0]);
        for (const [index, entry] of entries.entries()) {
          if (index + 1 > read) second.push(partition, `${index + 1}-0`, entry);
        }
      }
      expect([...minutes, ...drain(second)]).toEqual(wanted);
    }
  });

  it('go past an entry that nobody can read: what it closed is lost', () => {
    const merge = new MinuteMerge(1);
    merge.push(0, '1-0', closed(1, 1, [1]));
    merge.pushUnreadable(0, letter('2-0'));
    expect(drain(merge)).toEqual([[1, 1]]);
    expect(merge.takeUnreadable()).toMatchObject([{ id: '2-0' }]);
    expect(merge.state.cursors).toEqual([{ id: '2-0', through: 1 }]);
    merge.push(0, '3-0', closed(3, 3, [3]));
    expect(drain(merge)).toEqual([[3, 1]]);
    expect(merge.takeGaps()).toBe(1);
    expect(merge.takeUnreadable()).toEqual([]);
  });
});

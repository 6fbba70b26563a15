import { EXACT_USERS } from '@liminal/shared/contracts/training-rows';
import { Random } from '@liminal/shared/runtime/random';
import { describe, expect, it } from 'vitest';
import { partKey } from './part-key.ts';
import { SummaryTracker } from './summary-tracker.ts';

const AT = new Date(0);
const part = (ms: number) => partKey(0, `${ms}-0`);

describe('SummaryTracker', () => {
  it('is empty at first', () => {
    expect(new SummaryTracker().summary(AT)).toEqual({
      rows: 0,
      users: 0,
      usersExact: true,
      fromTs: null,
      toTs: null,
      parts: 0,
      updatedAt: '1970-01-01T00:00:00.000Z',
    });
  });

  it('counts a part that is put again once, with its new content', () => {
    const tracker = new SummaryTracker();
    tracker.put(part(1), { users: ['a', 'b'], ts: [10, 20] });
    tracker.put(part(1), { users: ['a', 'b', 'c'], ts: [10, 20, 30] });
    expect(tracker.summary(AT)).toMatchObject({ rows: 3, users: 3, fromTs: 10, toTs: 30, parts: 1 });
  });

  it('forgets a user with the newest part that holds the user', () => {
    const tracker = new SummaryTracker();
    tracker.put(part(2), { users: ['a', 'b'], ts: [20, 21] });
    tracker.put(part(1), { users: ['a', 'c'], ts: [10, 11] });
    tracker.put(part(3), { users: ['b'], ts: [30] });
    tracker.drop(part(1).key);
    expect(tracker.summary(AT)).toMatchObject({ rows: 3, users: 2, fromTs: 20 });
    tracker.drop(part(2).key);
    expect(tracker.summary(AT)).toMatchObject({ rows: 1, users: 1, fromTs: 30 });
  });

  it('says that the number of users is a lower bound from the first one too many', () => {
    const tracker = new SummaryTracker();
    const users = Array.from({ length: EXACT_USERS }, (_, index) => `user-${index}`);
    tracker.put(part(1), { users, ts: users.map(() => 1) });
    expect(tracker.summary(AT)).toMatchObject({ users: EXACT_USERS, usersExact: true });
    tracker.put(part(2), { users: ['one more', 'user-5'], ts: [2, 2] });
    expect(tracker.summary(AT)).toMatchObject({ users: EXACT_USERS, usersExact: false });
  });

  it('lets the oldest parts go as long as enough rows stay', () => {
    const tracker = new SummaryTracker();
    for (const ms of [3, 1, 2]) tracker.put(part(ms), { users: Array(10).fill('a'), ts: Array(10).fill(ms) });
    const beyond = (maxRows: number) => tracker.partsBeyond(maxRows).map(({ ms }) => ms);
    expect(beyond(30)).toEqual([]);
    expect(beyond(21)).toEqual([]);
    expect(beyond(20)).toEqual([1]);
    expect(beyond(10)).toEqual([1, 2]);
    expect(beyond(0)).toEqual([1, 2, 3]);
  });

  it('says what counting everything anew would say', () => {
    for (let seed = 1; seed <= 50; seed++) {
      const random = new Random(seed);
      const tracker = new SummaryTracker();
      const kept = new Map<number, { users: string[]; ts: number[] }>();
      for (let step = 0; step < 40; step++) {
        const ms = random.int(30);
        // a part that is written again begins as it did before
        const before = kept.get(ms) ?? { users: [], ts: [] };
        const size = 1 + random.int(5);
        const users = [...before.users, ...Array.from({ length: size }, () => `user-${random.int(20)}`)];
        const ts = [...before.ts, ...Array.from({ length: size }, () => random.int(1_000))];
        kept.set(ms, { users, ts });
        tracker.put(part(ms), { users, ts });
        for (const beyond of tracker.partsBeyond(60)) {
          tracker.drop(beyond.key);
          kept.delete(beyond.ms);
        }
      }
      const contents = [...kept.values()];
      const times = contents.flatMap(({ ts }) => ts);
      expect(tracker.summary(AT), `seed ${seed}`).toMatchObject({
        rows: times.length,
        users: new Set(contents.flatMap(({ users }) => users)).size,
        fromTs: Math.min(...times),
        toTs: Math.max(...times),
        parts: kept.size,
      });
      expect(times.length, `seed ${seed}`).toBeGreaterThanOrEqual(60);
    }
  });
});

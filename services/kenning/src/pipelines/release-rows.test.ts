import { FEATURE_COUNT, LOAD_HISTORY_MINUTES } from '@liminal/shared/contracts/feature-vector';
import { MINUTE_OF_DAY } from '@liminal/shared/contracts/model-input';
import { replayEvents } from '@liminal/shared/features/replay';
import { normalTraffic } from '@liminal/simulator/traffic';
import { expect, it } from 'vitest';
import { NEXT_LOAD, RELEASE_ROW_LENGTH, releaseRows } from './release-rows.ts';

const MINUTE_MS = 60_000;
const START_MS = Date.UTC(2026, 0, 5, 9);

it('knows the load of each user’s minutes from the row that follows, as it really was, once a minute', () => {
  const events = [...normalTraffic({ seed: 5, startMs: START_MS, endMs: START_MS + 6 * 3_600_000, users: 80 })];
  const truth = new Map<string, number>();
  for (const { kind, user, ts } of events) {
    const key = `${user} ${Math.floor((ts as number) / MINUTE_MS)}`;
    if (kind === 'request') truth.set(key, (truth.get(key) ?? 0) + 1);
  }
  const vectors = [...replayEvents(events)];
  const users = [...new Set(vectors.map(({ user }) => user))];
  const { values, rows, columns } = releaseRows({
    rows: vectors.length,
    ts: vectors.map(({ ts }) => ts),
    userNumbers: vectors.map(({ user }) => users.indexOf(user)),
    features: Float32Array.from(vectors.flatMap((vector) => [...vector.values.subarray(0, FEATURE_COUNT)])),
    loadHistory: Float32Array.from(vectors.flatMap((vector) => [...vector.values.subarray(FEATURE_COUNT)])),
  });
  expect([rows, columns]).toEqual([vectors.length, RELEASE_ROW_LENGTH]);
  let known = 0;
  for (const [row, { user, ts, values: ofVector }] of vectors.entries()) {
    const start = row * RELEASE_ROW_LENGTH;
    expect(values.subarray(start, start + ofVector.length)).toEqual(ofVector);
    const minute = Math.floor(ts / MINUTE_MS);
    expect(values[start + MINUTE_OF_DAY]).toBe(minute % 1440);
    const following = vectors.find((later, index) => index > row && later.user === user);
    const ago = following === undefined ? 0 : Math.floor(following.ts / MINUTE_MS) - minute;
    const isTold = ago >= 1 && ago <= LOAD_HISTORY_MINUTES;
    expect(values[start + NEXT_LOAD]).toBe(isTold ? (truth.get(`${user} ${minute}`) ?? 0) : Number.NaN);
    if (isTold) known++;
  }
  expect(known).toBeGreaterThan(0.2 * rows);
  expect(known).toBeLessThan(0.5 * rows);
});

import { FEATURE_COUNT } from '@liminal/shared/contracts/feature-vector';
import { replayEvents } from '@liminal/shared/features/replay';
import { OpenRelease } from '@liminal/shared/release/open-release';
import { normalTraffic } from '@liminal/simulator/traffic';
import { expect, it } from 'vitest';
import { longestInterval } from '../src/pipelines/longest-interval.ts';
import { releaseRows } from '../src/pipelines/release-rows.ts';
import type { TrainingRows } from '../src/pipelines/split-rows.ts';
import { DEFAULT_RELEASE_TRAINING, trainReleaseModels } from '../src/pipelines/train-release-models.ts';
import { inputsOf, loadedRelease } from './trained-release.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MONDAY = Date.UTC(2026, 10, 23);

/** The first two days of a platform, whose users are remembered from the first to the second. */
function firstDays(seed: number, startMs: number): TrainingRows[] {
  const people = { seed, users: 300 };
  const nextMs = startMs + DAY_MS;
  function* events() {
    yield* normalTraffic({ ...people, startMs, endMs: nextMs });
    yield* normalTraffic({ ...people, startMs: nextMs, endMs: nextMs + DAY_MS });
  }
  const vectors = [...replayEvents(events())];
  const numbers = new Map([...new Set(vectors.map(({ user }) => user))].map((user, number) => [user, number]));
  return [vectors.filter(({ ts }) => ts < nextMs), vectors.filter(({ ts }) => ts >= nextMs)].map((day) => {
    const ts = day.map((vector) => vector.ts);
    const userNumbers = Int32Array.from(day, ({ user }) => numbers.get(user)!);
    const features = Float32Array.from(day.flatMap(({ values }) => [...values.subarray(0, FEATURE_COUNT)]));
    const loadHistory = Float32Array.from(day.flatMap(({ values }) => [...values.subarray(FEATURE_COUNT)]));
    const rows = releaseRows({ rows: day.length, ts, userNumbers, features, loadHistory });
    return { ...rows, groups: userNumbers, longestIntervalMs: longestInterval(ts) };
  });
}

/**
 * What some 70 users who calibrate happen to be like moves the rate of one platform, from 0.5 to 2.5% where 1% is set; the
 * mean over platforms has to be what was set. Where models took login intervals as they came, it was 2.7 times that at 1%, and
 * 1.8 times at 5% (docs/decisions/0016-censored-login-intervals.md).
 */
// Four trainings of four models each: the time-out is for a busy machine.
it('a release of a platform’s first day alarms on the second as often as told', { timeout: 120_000 }, async () => {
  const rates: Record<number, number[]> = { 0.01: [], 0.05: [] };
  for (const seed of [1, 2, 3, 4]) {
    const [first, second] = firstDays(seed, MONDAY + 6 * seed * HOUR_MS);
    const release = await OpenRelease.open(
      await loadedRelease(await trainReleaseModels(first!, DEFAULT_RELEASE_TRAINING, { seed })),
    );
    const scored = await release.score(inputsOf(second!), second!.rows);
    await release.close();
    for (const [alarmRate, found] of Object.entries(rates)) {
      found.push(scored.filter(({ pValue }) => pValue <= Number(alarmRate)).length / scored.length);
    }
  }
  console.log(`alarm rates by rate set: ${JSON.stringify(rates)}`);
  for (const [alarmRate, found] of Object.entries(rates)) {
    const mean = found.reduce((sum, rate) => sum + rate, 0) / found.length;
    expect(mean / Number(alarmRate)).toBeGreaterThan(0.6);
    expect(mean / Number(alarmRate)).toBeLessThan(1.3);
  }
});

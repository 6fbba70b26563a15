import { Random } from '@liminal/shared/runtime/random';
import { describe, expect, it } from 'vitest';
import { alarmRate } from './alarm-rate.ts';
import { bet, newMartingale } from './betting-martingale.ts';
import { emptyRanks, nextRank } from './online-rank.ts';
import { isLookedAt, tieBreak, VECTOR_SPACING_MS } from './rota.ts';

const ROUND_MS = 20 * 60_000;
const HOURS = 24;
const USERS = 60;
const CALIBRATION_USERS = 60;
const ALERT_RATE = 0.01;
const SESSION_SLOTS = 60;
/** Share of the slots in which a user is in a session; more for some than for others. */
const activity = (random: Random): number => 0.1 + 0.3 * random.next();

interface Scored {
  user: string;
  ts: number;
  score: number;
}

/** Users who differ from each other far more than a user's vectors do, each in sessions of some 10 minutes. */
function traffic(random: Random, users: number, hours: number): Scored[] {
  const vectors: Scored[] = [];
  for (let user = 0; user < users; user++) {
    const type = random.normal();
    const start = activity(random) / SESSION_SLOTS;
    let left = 0;
    for (let slot = 0; slot < (hours * 3_600_000) / VECTOR_SPACING_MS; slot++) {
      if (left === 0 && random.next() < start) left = 1 + random.int(2 * SESSION_SLOTS);
      if (left === 0) continue;
      left--;
      vectors.push({ user: `u${user}`, ts: slot * VECTOR_SPACING_MS, score: type + random.normal() / 3 });
    }
  }
  return vectors.sort((left, right) => left.ts - right.ts);
}

function logHighest(vectors: readonly Scored[], calibration: readonly number[], release: string): number {
  const sorted = calibration.toSorted((left, right) => left - right);
  const ranks = emptyRanks();
  const martingale = newMartingale();
  for (const { user, ts, score } of vectors) {
    const above = sorted.length - sorted.findLastIndex((calibrated) => calibrated < score) - 1;
    const pValue = (1 + above) / (1 + sorted.length);
    bet(martingale, nextRank(ranks, pValue, tieBreak(user, ts, release), CALIBRATION_USERS), ts, ALERT_RATE);
  }
  return martingale.logHighest;
}

describe('isLookedAt', () => {
  it('takes a user once a round at most, and every vector with the same chance', () => {
    const vectors = traffic(new Random(1), 200, 10);
    const chosen = vectors.filter(({ user, ts }) => isLookedAt(user, ts, 'r-1', ROUND_MS));
    expect(chosen.length / vectors.length).toBeCloseTo(VECTOR_SPACING_MS / ROUND_MS, 3);
    const last = new Map<string, number>();
    for (const { user, ts } of chosen) {
      expect(ts - (last.get(user) ?? Number.NEGATIVE_INFINITY)).toBeGreaterThanOrEqual(ROUND_MS);
      last.set(user, ts);
    }
  });

  it('keeps the martingale’s promise where all vectors of all users would break it', () => {
    const rate = 0.1;
    const runs = 100;
    let alarms = 0;
    let alarmsOnAll = 0;
    for (let seed = 0; seed < runs; seed++) {
      const random = new Random(seed);
      const release = `r-${seed}`;
      const calibration = traffic(random, CALIBRATION_USERS, 6).map(({ score }) => score);
      const drawn = random.sample(calibration.length, 500);
      const vectors = traffic(random, USERS, HOURS);
      const chosen = vectors.filter(({ user, ts }) => isLookedAt(user, ts, release, ROUND_MS));
      const isAlarm = (some: readonly Scored[]): boolean =>
        logHighest(
          some,
          Array.from(drawn, (row) => calibration[row]!),
          release,
        ) >= -Math.log(rate);
      if (isAlarm(chosen)) alarms++;
      if (isAlarm(vectors.slice(0, 5_000))) alarmsOnAll++;
    }
    console.log(
      `alarms in ${runs} quiet runs, stated ${100 * rate}%: ${alarms} on the rota, ${alarmsOnAll} on all vectors`,
    );
    expect(alarmRate(alarms, runs).low).toBeLessThanOrEqual(rate);
    expect(alarmsOnAll / runs).toBeGreaterThan(0.9);
  });
});

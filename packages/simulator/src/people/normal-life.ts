import type { TimedEvent } from '../timed-event.ts';
import { type Account, activityAt } from './account.ts';
import { MAX_DIURNAL_WEIGHT } from './diurnal.ts';
import { session } from './session.ts';

const DAY_MS = 86_400_000;
/** A weekend person is at most this much more active than on working days. */
const MAX_WEEKEND_SHARE = 1.1;

/**
 * Everything that one person does in [startMs, endMs), in time order: sessions start as an inhomogeneous Poisson
 * process under the person's diurnal curve, and each runs to its end before the next begins.
 */
export function* normalLife(account: Account, startMs: number, endMs: number): Generator<TimedEvent> {
  const { arrangement } = account;
  let now = Math.max(startMs, account.appearsAtMs);
  if (arrangement !== undefined && arrangement.fromMs < endMs) {
    yield* sessions(account, now, arrangement.fromMs);
    if (arrangement.presence === 'online') {
      now = yield* session(account, arrangement.fromMs, endMs, arrangement.toMs);
    }
    now = Math.max(now, arrangement.toMs);
  }
  yield* sessions(account, now, endMs);
}

function* sessions(account: Account, fromMs: number, untilMs: number): Generator<TimedEvent> {
  let now = nextSessionStart(account, fromMs, untilMs);
  while (now < untilMs) {
    const endedAt = yield* session(account, now, untilMs);
    now = nextSessionStart(account, endedAt, untilMs);
  }
}

/** Thinning (Lewis & Shedler 1979): candidates at the highest rate, each kept with the share of it that holds then. */
function nextSessionStart(account: Account, fromMs: number, untilMs: number): number {
  const { random, habits } = account;
  const highest = MAX_DIURNAL_WEIGHT * MAX_WEEKEND_SHARE;
  const meanGapMs = DAY_MS / (habits.sessionsPerDay * highest);
  let now = fromMs;
  while (now < untilMs) {
    now += random.exponential(meanGapMs);
    if (random.next() * highest < activityAt(habits, now)) return now;
  }
  return untilMs;
}

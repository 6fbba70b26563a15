import { LOAD_HISTORY_MINUTES, VECTOR_LENGTH } from '../contracts/feature-vector.ts';
import { burstiness, conditionalEntropyBits, entropyBits, medianGap } from './statistics.ts';
import { MINUTE_MS, type SpanCounts, type UserState, WINDOW_MS } from './user-state.ts';

/** The user's features and load history now: `VECTOR_LENGTH` float32, `predicted_user_load` left NaN. */
export function featureValues(state: UserState): Float32Array {
  state.prune();
  const values = new Float32Array(VECTOR_LENGTH);
  values[0] = eventsPerMinute(state.requestTimes.length, state.requestOverflow, state.lastTs);
  values[1] = burstiness(state.requestTimes);
  values[2] = entropyBits(state.requestIps);
  values[3] = eventsPerMinute(state.channelTimes.length, state.channelOverflow, state.lastTs);
  values[4] = Number.NaN;
  values[5] = medianGap(state.loginTimes) / 1000;
  values[6] = conditionalEntropyBits(state.tokenIds, state.tokenClients);
  writeLoadHistory(state, values.subarray(VECTOR_LENGTH - LOAD_HISTORY_MINUTES));
  return values;
}

/**
 * Events in the window divided by its length. Exact while the ring holds them all (128); beyond, the forgotten ones
 * are counted in buckets of 10 s, the oldest bucket by the share of it that lies inside the window.
 */
function eventsPerMinute(inRing: number, overflow: SpanCounts, lastTs: number): number {
  const windowStart = lastTs - WINDOW_MS;
  const { counts, spanMs, newest } = overflow;
  let events = inRing;
  for (let index = 0; index < counts.length; index++) {
    if (counts[index] === 0) continue;
    const bucketEnd = (newest - counts.length + 2 + index) * spanMs;
    const inside = Math.min(Math.max((bucketEnd - windowStart) / spanMs, 0), 1);
    events += counts[index]! * inside;
  }
  return events / (WINDOW_MS / MINUTE_MS);
}

/** Requests of each of the last whole minutes; a minute before the user's first event was not observed. */
function writeLoadHistory(state: UserState, out: Float32Array): void {
  const firstMinute = Math.floor(state.firstTs / MINUTE_MS);
  const oldestMinute = Math.floor(state.lastTs / MINUTE_MS) - LOAD_HISTORY_MINUTES;
  for (let index = 0; index < LOAD_HISTORY_MINUTES; index++) {
    out[index] = oldestMinute + index < firstMinute ? Number.NaN : state.minutes.counts[index]!;
  }
}

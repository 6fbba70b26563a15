import { CHANNEL, type EventRow, LOGIN, REQUEST } from '../contracts/event-batch.ts';
import { combineHashes } from '../contracts/hash32.ts';
import { LOGIN_RING_SIZE, RING_SIZE, type SpanCounts, type UserState, WINDOW_MS } from './user-state.ts';

/** A user's vector is due when this much event time has passed since the last one. */
export const EMIT_EVERY_MS = 10_000;

/**
 * Folds one event into its user's state: a pure function of state and event, with no clock and no chance in it, so
 * that online and offline features are the same bits. Returns whether a vector is due now.
 * An event older than the window before the user's newest event is counted as late and changes nothing else.
 */
export function foldEvent(state: UserState, row: EventRow): boolean {
  const { ts } = row;
  state.events++;
  // The first event always emits: without a vector there was none before.
  const isFirst = state.seq === 0;
  if (!isFirst && ts <= state.lastTs - WINDOW_MS) {
    state.late++;
    return false;
  }
  if (isFirst || ts < state.firstTs) state.firstTs = ts;
  if (isFirst || ts > state.lastTs) {
    state.lastTs = ts;
    state.minutes.advanceTo(ts);
  }
  apply(state, row);
  if (!isFirst && state.lastTs < state.emittedTs + EMIT_EVERY_MS) return false;
  state.emittedTs = state.lastTs;
  state.seq++;
  return true;
}

function apply(state: UserState, row: EventRow): void {
  const { kind, ts, ip, hasToken, token, userAgent } = row;
  const windowStart = state.lastTs - WINDOW_MS;
  if (kind === REQUEST) {
    state.minutes.add(ts);
    const position = insertPosition(state.requestTimes, ts);
    insert(state.requestTimes, position, ts);
    insert(state.requestIps, position, ip);
    if (state.requestTimes.length > RING_SIZE) {
      state.requestIps.shift();
      forget(state.requestTimes, windowStart, state.requestOverflow);
    }
  } else if (kind === CHANNEL) {
    insert(state.channelTimes, insertPosition(state.channelTimes, ts), ts);
    if (state.channelTimes.length > RING_SIZE) forget(state.channelTimes, windowStart, state.channelOverflow);
  } else if (kind === LOGIN) {
    insert(state.loginTimes, insertPosition(state.loginTimes, ts), ts);
    if (state.loginTimes.length > LOGIN_RING_SIZE) state.loginTimes.shift();
  }
  if (hasToken) {
    const position = insertPosition(state.tokenTimes, ts);
    insert(state.tokenTimes, position, ts);
    insert(state.tokenIds, position, token);
    insert(state.tokenClients, position, combineHashes(ip, userAgent));
    if (state.tokenTimes.length > RING_SIZE) {
      state.tokenTimes.shift();
      state.tokenIds.shift();
      state.tokenClients.shift();
    }
  }
}

/** Where `ts` belongs in sorted `times`, after its equals. Nearly always the end. */
function insertPosition(times: readonly number[], ts: number): number {
  let position = times.length;
  while (position > 0 && times[position - 1]! > ts) position--;
  return position;
}

function insert(column: number[], position: number, value: number): void {
  if (position === column.length) column.push(value);
  else column.splice(position, 0, value);
}

/** Drops the oldest time of a full ring, and still counts it while it is inside the window. */
function forget(times: number[], windowStart: number, overflow: SpanCounts): void {
  const ts = times.shift()!;
  if (ts > windowStart) overflow.add(ts);
}

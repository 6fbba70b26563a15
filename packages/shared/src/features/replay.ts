import type { Event } from '../contracts/event.ts';
import { toEventRow } from '../contracts/event-batch.ts';
import type { FeatureVector } from '../contracts/feature-vector.ts';
import { foldEvent } from './fold.ts';
import { UserState } from './user-state.ts';
import { featureValues } from './vector.ts';

/** Folds events of many users offline: yields each vector at the moment the online way emits it. */
export function* replayEvents(events: Iterable<Event>): Generator<FeatureVector> {
  const states = new Map<string, UserState>();
  for (const event of events) {
    const row = toEventRow(event);
    const { user } = row;
    let state = states.get(user);
    if (state === undefined) {
      state = new UserState();
      states.set(user, state);
    }
    if (!foldEvent(state, row)) continue;
    const vector = { user, ts: state.lastTs, seq: state.seq, values: featureValues(state) };
    yield event.kind === 'channel' ? vector : { ...vector, ip: event.ip };
  }
}

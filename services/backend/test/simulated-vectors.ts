import type { FeatureVector } from '@liminal/shared/contracts/feature-vector';
import { replayEvents } from '@liminal/shared/features/replay';
import { WINDOW_MS } from '@liminal/shared/features/user-state';
import type { Label } from '@liminal/simulator/label';
import type { TimedEvent } from '@liminal/simulator/timed-event';
import { type AttackedTrafficOptions, simulateTraffic } from '@liminal/simulator/traffic';

/** Newest events of a user that are kept beside a vector. */
const EVENTS_KEPT = 64;

/** A vector as the extractor emits it, with what the user did up to then. */
export interface SimulatedVector {
  vector: FeatureVector;
  /** Of the user, oldest first, none later than the vector. */
  events: TimedEvent[];
  /** The attack that moves the vector; undefined = nobody attacks this user now. */
  label: Label | undefined;
}

/** Vectors of simulated traffic in the order of their time. Folds as the extractor does, needs no running suite. */
export function* simulatedVectors(options: AttackedTrafficOptions): Generator<SimulatedVector> {
  const traffic = simulateTraffic(options);
  const newest = new Map<string, TimedEvent[]>();
  function* remembered(): Generator<TimedEvent> {
    for (const event of traffic.events()) {
      const timed = event as TimedEvent;
      const events = newest.get(event.user) ?? [];
      events.push(timed);
      if (events.length > EVENTS_KEPT) events.shift();
      newest.set(event.user, events);
      yield timed;
    }
  }
  for (const vector of replayEvents(remembered())) {
    const events = newest.get(vector.user)!.filter(({ ts }) => ts > vector.ts - WINDOW_MS);
    yield { vector, events, label: traffic.labels.find((label) => isMovedBy(label, vector)) };
  }
}

/** What an attack leaves in the features stays in them for the length of their window. */
const isMovedBy = ({ users, fromMs, toMs }: Label, { user, ts }: FeatureVector): boolean =>
  users.includes(user) && ts >= fromMs && ts <= toMs + WINDOW_MS;

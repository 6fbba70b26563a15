import { fromZero } from '@liminal/shared/runtime/first-values';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export type Metrics = ReturnType<typeof createMetrics>;

/** `held` tells what this instance holds at the moment of a scrape. */
export function createMetrics(registry: Registry, held: { partitions(): number; cachedUsers(): number }) {
  const registers = [registry];
  return {
    events: fromZero(
      new Counter({
        name: 'liminal_extractor_events_total',
        help: 'Events folded into user states, by whether they came in time',
        labelNames: ['result'] as const,
        registers,
      }),
      { result: 'folded' },
      { result: 'late' },
    ),
    vectors: new Counter({ name: 'liminal_extractor_vectors_total', help: 'Feature vectors emitted', registers }),
    closedMinutes: new Counter({
      name: 'liminal_extractor_closed_minutes_total',
      help: 'Minutes of the platform that closed, one for each partition',
      registers,
    }),
    lateMinuteEvents: new Counter({
      name: 'liminal_extractor_late_minute_events_total',
      help: 'Events that came after their minute of the platform had closed, and are in no series',
      registers,
    }),
    deadLetters: new Counter({
      name: 'liminal_extractor_dead_letters_total',
      help: 'Stream entries and states that could not be decoded and were put aside',
      registers,
    }),
    commitDuration: new Histogram({
      name: 'liminal_extractor_commit_duration_seconds',
      help: 'Time of one atomic commit',
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1],
      registers,
    }),
    latency: new Histogram({
      name: 'liminal_extractor_latency_seconds',
      help: 'Time from the acceptance of a call to the commit of its features',
      buckets: [0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 300],
      registers,
    }),
    partitions: new Gauge({
      name: 'liminal_extractor_partitions',
      help: 'Partitions that this instance holds',
      registers,
      collect() {
        this.set(held.partitions());
      },
    }),
    lag: new Gauge({
      name: 'liminal_extractor_lag_events',
      help: 'Accepted events of a held partition that are not folded yet',
      labelNames: ['partition'] as const,
      registers,
    }),
    cachedUsers: new Gauge({
      name: 'liminal_extractor_cached_users',
      help: 'User states in memory',
      registers,
      collect() {
        this.set(held.cachedUsers());
      },
    }),
  };
}

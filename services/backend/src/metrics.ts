import { MAX_EVENTS_PER_CALL } from '@liminal/shared/contracts/event';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export type Metrics = ReturnType<typeof createMetrics>;

export interface MeasuredPrecision {
  model: string;
  severity: string;
  confirmed: number;
  judged: number;
}

/** `readPrecision` and `readLag` throw while Redis is away. `readLag` tells the events that wait in each partition; it throws while Redis is away. */
export function createMetrics(
  registry: Registry,
  readLag: () => Promise<number[]>,
  readPrecision: () => Promise<readonly MeasuredPrecision[]> = async () => [],
) {
  const registers = [registry];
  return {
    events: new Counter({
      name: 'liminal_backend_events_total',
      help: 'Events of POST /events; refused are those of refused calls as far as they were read',
      labelNames: ['result'] as const,
      registers,
    }),
    calls: new Counter({ name: 'liminal_backend_calls_total', help: 'Calls of POST /events', registers }),
    refusals: new Counter({
      name: 'liminal_backend_refusals_total',
      help: 'Calls of POST /events that were refused, by error code',
      labelNames: ['reason'] as const,
      registers,
    }),
    ingestDuration: new Histogram({
      name: 'liminal_backend_ingest_duration_seconds',
      help: 'Time from the whole body of a call to its events in Redis',
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5],
      registers,
    }),
    callSize: new Histogram({
      name: 'liminal_backend_call_size_events',
      help: 'Events in a call that was taken',
      buckets: [1, 10, 50, 100, 500, 1_000, 5_000, MAX_EVENTS_PER_CALL],
      registers,
    }),
    verdicts: new Counter({
      name: 'liminal_backend_verdicts_total',
      help: 'Verdicts on anomalies that were taken, by what they say',
      labelNames: ['verdict'] as const,
      registers,
    }),
    judgedAlarms: new Gauge({
      name: 'liminal_backend_judged_alarms',
      help: 'Alarms of the last 90 days that analysts have judged, by the model that raised them; absent while Redis is away',
      labelNames: ['model', 'severity', 'result'] as const,
      registers,
      async collect() {
        this.reset();
        for (const { model, severity, confirmed, judged } of await readPrecision().catch(() => [])) {
          this.labels(model, severity, 'confirmed').set(confirmed);
          this.labels(model, severity, 'not-confirmed').set(judged - confirmed);
        }
      },
    }),
    precision: new Gauge({
      name: 'liminal_backend_precision_ratio',
      help: 'Share of confirmed ones among the alarms that analysts have judged; absent where none was',
      labelNames: ['model', 'severity'] as const,
      registers,
      async collect() {
        this.reset();
        for (const { model, severity, confirmed, judged } of await readPrecision().catch(() => [])) {
          this.labels(model, severity).set(confirmed / judged);
        }
      },
    }),
    lag: new Gauge({
      name: 'liminal_backend_lag_events',
      help: 'Accepted events of a partition that are not folded yet; absent while Redis is away',
      labelNames: ['partition'] as const,
      registers,
      async collect() {
        // An old number would look like a fresh one. That Redis is away is logged and shown by /ready.
        this.reset();
        const lag = await readLag().catch(() => []);
        for (const [partition, events] of lag.entries()) this.labels(String(partition)).set(events);
      },
    }),
  };
}

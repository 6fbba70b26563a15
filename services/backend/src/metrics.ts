import { MAX_EVENTS_PER_CALL } from '@liminal/shared/contracts/event';
import { VERDICTS } from '@liminal/shared/contracts/verdict';
import { fromZero } from '@liminal/shared/runtime/first-values';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { type AnalysisMetricsOptions, createAnalysisMetrics } from './analysis/metrics.ts';
import { END_REASONS } from './stream/stream-client.ts';

export type Metrics = ReturnType<typeof createMetrics>;

/** What is read at the moment of a scrape; throws while Redis is away. */
export interface PipelineReads {
  /** Events that wait in each partition. */
  lag(): Promise<number[]>;
  /** Age in seconds of the oldest entry that waits for each reader; 0 where none waits. */
  oldestWaiting(): Promise<Record<string, number>>;
}

/** Every reason to refuse a call of POST /events, but the rarest. */
const REFUSALS = [
  'LIMINAL_ERR_EVENT_INVALID',
  'LIMINAL_ERR_EVENTS_UNREADABLE',
  'LIMINAL_ERR_EVENTS_TOO_MANY',
  'LIMINAL_ERR_EVENTS_BACKPRESSURE',
  'LIMINAL_ERR_REDIS_AWAY',
] as const;

export interface MeasuredPrecision {
  model: string;
  severity: string;
  confirmed: number;
  judged: number;
}

export interface MetricsOptions {
  pipeline: PipelineReads;
  /** Precision by model and severity; throws while Redis is away. */
  precision(): Promise<readonly MeasuredPrecision[]>;
  analysis: AnalysisMetricsOptions;
}

export function createMetrics(
  registry: Registry,
  { pipeline: read, precision: readPrecision, analysis }: MetricsOptions,
) {
  const registers = [registry];
  let reading: Promise<readonly MeasuredPrecision[]> | undefined;
  /** Two metrics show it: while Redis hangs, waiting for it twice would take longer than Prometheus waits. */
  const precisionOfThisScrape = (): Promise<readonly MeasuredPrecision[]> => {
    reading ??= readPrecision()
      .catch(() => [])
      .finally(() => {
        reading = undefined;
      });
    return reading;
  };
  const metrics = {
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
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5],
      registers,
    }),
    callSize: new Histogram({
      name: 'liminal_backend_call_size_events',
      help: 'Events in a call that was taken',
      buckets: [1, 10, 50, 100, 250, 500, 1_000, 2_500, 5_000, MAX_EVENTS_PER_CALL],
      registers,
    }),
    verdicts: new Counter({
      name: 'liminal_backend_verdicts_total',
      help: 'Verdicts on anomalies that were taken, by what they say',
      labelNames: ['verdict'] as const,
      registers,
    }),
    streamClients: new Gauge({
      name: 'liminal_backend_stream_clients',
      help: 'Live streams of anomalies that are open',
      registers,
    }),
    streamEvents: new Counter({
      name: 'liminal_backend_stream_events_total',
      help: 'Anomalies given to live streams, counted for each of them',
      registers,
    }),
    streamEnded: new Counter({
      name: 'liminal_backend_stream_ended_total',
      help: 'Live streams of anomalies that ended, by why',
      labelNames: ['reason'] as const,
      registers,
    }),
    streamRefused: new Counter({
      name: 'liminal_backend_stream_refused_total',
      help: 'Live streams that were refused because there were as many as may be',
      registers,
    }),
    streamGaps: new Counter({
      name: 'liminal_backend_stream_gaps_total',
      help: 'Live streams that were told of a gap: what they missed is kept no longer',
      registers,
    }),
    incidents: new Gauge({
      name: 'liminal_backend_incidents',
      help: 'Incidents that are kept, as the replica that keeps them counts; 0 on the others',
      registers,
    }),
    incidentAnomalies: new Counter({
      name: 'liminal_backend_incident_anomalies_total',
      help: 'Anomalies that were grouped into incidents by this replica',
      registers,
    }),
    incidentVerdicts: new Counter({
      name: 'liminal_backend_incident_verdicts_total',
      help: 'Verdicts that were taken into incidents by this replica',
      registers,
    }),
    judgedAlarms: new Gauge({
      name: 'liminal_backend_judged_alarms',
      help: 'Alarms of the last 90 days that analysts have judged, by the model that raised them; absent while Redis is away',
      labelNames: ['model', 'severity', 'result'] as const,
      registers,
      async collect() {
        this.reset();
        for (const { model, severity, confirmed, judged } of await precisionOfThisScrape()) {
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
        for (const { model, severity, confirmed, judged } of await precisionOfThisScrape()) {
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
        const lag = await read.lag().catch(() => []);
        for (const [partition, events] of lag.entries()) this.labels(String(partition)).set(events);
      },
    }),
    oldestWaiting: new Gauge({
      name: 'liminal_backend_oldest_waiting_seconds',
      help: 'Age of the oldest stream entry that a reader has not taken, 0 when none waits; absent while Redis is away',
      labelNames: ['reader'] as const,
      registers,
      async collect() {
        this.reset();
        const ages = await read.oldestWaiting().catch(() => ({}));
        for (const [reader, seconds] of Object.entries(ages)) this.labels(reader).set(seconds);
      },
    }),
    analysis: createAnalysisMetrics(registry, analysis),
  };
  fromZero(metrics.events, ...(['accepted', 'duplicate', 'refused'] as const).map((result) => ({ result })));
  fromZero(metrics.refusals, ...REFUSALS.map((reason) => ({ reason })));
  fromZero(metrics.streamEnded, ...END_REASONS.map((reason) => ({ reason })));
  fromZero(metrics.verdicts, ...VERDICTS.map((verdict) => ({ verdict })));
  return metrics;
}

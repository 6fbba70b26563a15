import { FORECASTERS } from '@liminal/shared/contracts/load-forecast';
import { MODEL_NAMES, SUPPRESSION_REASONS } from '@liminal/shared/contracts/prediction';
import type { ScoredPoint } from '@liminal/shared/contracts/series';
import { absentAtFirst, fromZero } from '@liminal/shared/runtime/first-values';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

export type Metrics = ReturnType<typeof createMetrics>;

/** `held` tells what this instance holds at the moment of a scrape. */
export function createMetrics(registry: Registry, held: { partitions(): number }) {
  const registers = [registry];
  const seriesGauge = (name: string, help: string) =>
    new Gauge({ name, help, labelNames: ['series'] as const, registers });
  const seriesGauges = {
    value: seriesGauge('liminal_predictor_series_value', 'Newest value of a series of the platform, in its own unit'),
    expected: seriesGauge('liminal_predictor_series_expected', 'What was expected of it: the median'),
    expectedLow: seriesGauge('liminal_predictor_series_expected_low', '5% quantile of what was expected of it'),
    expectedHigh: seriesGauge('liminal_predictor_series_expected_high', '95% quantile of what was expected of it'),
    score: seriesGauge('liminal_predictor_series_score', 'How anomalous it is; absent while it is too early to tell'),
  };
  const dropSeries = (): void => {
    for (const gauge of Object.values(seriesGauges)) gauge.reset();
  };
  const metrics = {
    anomalies: new Counter({
      name: 'liminal_predictor_anomalies_total',
      help: 'Anomalies written, by what is anomalous: a user or a series of the platform',
      labelNames: ['entity'] as const,
      registers,
    }),
    seriesMinutes: new Counter({
      name: 'liminal_predictor_series_minutes_total',
      help: 'Minutes of the platform: scored, or passed over because nothing is known of them',
      labelNames: ['result'] as const,
      registers,
    }),
    /** Shows the newest points, by label, and no older ones. */
    showSeries(labelled: ReadonlyMap<string, { newest: ScoredPoint }>): void {
      dropSeries();
      for (const [label, { newest }] of labelled) {
        for (const [of, gauge] of Object.entries(seriesGauges) as [keyof typeof seriesGauges, Gauge<'series'>][]) {
          // NaN would be a value that stays.
          if (!Number.isNaN(newest[of])) gauge.labels(label).set(newest[of]);
        }
      }
    },
    /** For when another instance watches the platform. */
    dropSeries,
    predictions: new Counter({
      name: 'liminal_predictor_predictions_total',
      help: 'Vectors of the stream that were scored, by severity',
      labelNames: ['severity'] as const,
      registers,
    }),
    modelVectors: new Counter({
      name: 'liminal_predictor_model_vectors_total',
      help: 'Vectors of the stream that a model of the serving release scored',
      labelNames: ['model'] as const,
      registers,
    }),
    modelAlarms: new Counter({
      name: 'liminal_predictor_model_alarms_total',
      help: 'Of these, vectors whose p-value of this model alone is within the alarm rate',
      labelNames: ['model'] as const,
      registers,
    }),
    suppressed: new Counter({
      name: 'liminal_predictor_suppressed_total',
      help: 'Vectors that would have alarmed and were held back, by a rule or by a rate that was lowered',
      labelNames: ['reason'] as const,
      registers,
    }),
    suppressionRules: new Gauge({
      name: 'liminal_predictor_suppression_rules',
      help: 'Suppression rules in force here',
      registers,
    }),
    alarmPolicyReads: new Counter({
      name: 'liminal_predictor_alarm_policy_reads_total',
      help: 'Readings of what analysts have decided about alarms; unreadable and failed ones leave the one before in force',
      labelNames: ['result'] as const,
      registers,
    }),
    requestedVectors: new Counter({
      name: 'liminal_predictor_requested_vectors_total',
      help: 'Vectors scored for POST /predict',
      registers,
    }),
    deadLetters: new Counter({
      name: 'liminal_predictor_dead_letters_total',
      help: 'Stream entries that could not be decoded and were put aside',
      registers,
    }),
    loadForecasts: new Counter({
      name: 'liminal_predictor_load_forecasts_total',
      help: 'Forecasts of the load of a user in a minute that were checked once the minute was over',
      labelNames: ['served'] as const,
      registers,
    }),
    loadErrors: new Counter({
      name: 'liminal_predictor_load_error_requests_total',
      help: 'Absolute errors, added up, of the checked forecasts and of what other forecasters say of the same minutes',
      labelNames: ['served', 'forecaster'] as const,
      registers,
    }),
    loadIntervals: new Counter({
      name: 'liminal_predictor_load_intervals_total',
      help: 'Checked forecasts with a 90% interval, by whether the load lay inside or outside',
      labelNames: ['result'] as const,
      registers,
    }),
    inferenceDuration: new Histogram({
      name: 'liminal_predictor_inference_duration_seconds',
      help: 'Time that one run of the models keeps the event loop',
      buckets: [0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1],
      registers,
    }),
    anomalyExplanations: new Counter({
      name: 'liminal_predictor_anomaly_explanations_total',
      help: 'Anomalies of the stream, by whether they carry their explanation, or why not',
      labelNames: ['result'] as const,
      registers,
    }),
    explanationDuration: new Histogram({
      name: 'liminal_predictor_explanation_duration_seconds',
      help: 'Time that explanations take, waiting included: of a batch of anomalies, or of a vector that was asked for',
      labelNames: ['kind'] as const,
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
      registers,
    }),
    additivityMisses: new Counter({
      name: 'liminal_predictor_additivity_misses_total',
      help: 'Explanations whose base value and shares do not add up to the value that was served: a defect',
      registers,
    }),
    latency: new Histogram({
      name: 'liminal_predictor_latency_seconds',
      help: 'Time from the commit of a vector to the commit of its prediction',
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 300],
      registers,
    }),
    partitions: new Gauge({
      name: 'liminal_predictor_partitions',
      help: 'Partitions that this instance holds',
      registers,
      collect() {
        this.set(held.partitions());
      },
    }),
    alertBudget: new Gauge({
      name: 'liminal_predictor_alert_budget_ratio',
      help: 'Share of normal vectors that may alarm, as was set',
      registers,
    }),
    releaseInfo: new Gauge({
      name: 'liminal_predictor_release_info',
      help: 'Always 1: the release that serves; absent without any',
      labelNames: ['release'] as const,
      registers,
    }),
    releaseProvisional: absentAtFirst(
      new Gauge({
        name: 'liminal_predictor_release_provisional_ratio',
        help: '1 while the factory release serves, 0 once a release of this platform does, absent without any',
        registers,
      }),
    ),
    releaseLoads: new Counter({
      name: 'liminal_predictor_release_loads_total',
      help: 'Releases loaded, refused (signature, hash or form do not fit) or failed to load (the store does not answer): the latter two leave the old one serving',
      labelNames: ['result'] as const,
      registers,
    }),
    releaseBlocked: new Gauge({
      name: 'liminal_predictor_release_blocked_ratio',
      help: '1 while the release that should serve, or the shadow, is refused or failed to load, otherwise 0',
      labelNames: ['result'] as const,
      registers,
    }),
    shadowActive: new Gauge({
      name: 'liminal_predictor_shadow_active_ratio',
      help: '1 while a shadow release scores beside the one that serves, otherwise 0',
      registers,
    }),
    shadowVectors: new Counter({
      name: 'liminal_predictor_shadow_vectors_total',
      help: 'Vectors that a shadow release scored too',
      registers,
    }),
    shadowAlarms: new Counter({
      name: 'liminal_predictor_shadow_alarms_total',
      help: 'Vectors scored by both on which the shadow release, or the one that serves, alarmed',
      labelNames: ['release'] as const,
      registers,
    }),
    shadowDisagreements: new Counter({
      name: 'liminal_predictor_shadow_disagreements_total',
      help: 'Vectors on which the shadow release and the one that serves did not both alarm or both not',
      registers,
    }),
    releaseCreated: absentAtFirst(
      new Gauge({
        name: 'liminal_predictor_release_created_timestamp_seconds',
        help: 'When the serving release was trained; absent without any',
        registers,
      }),
    ),
  };
  fromZero(metrics.anomalies, { entity: 'user' }, { entity: 'series' });
  fromZero(metrics.predictions, ...(['none', 'warning', 'critical'] as const).map((severity) => ({ severity })));
  fromZero(metrics.suppressed, ...SUPPRESSION_REASONS.map((reason) => ({ reason })));
  fromZero(metrics.seriesMinutes, { result: 'scored' }, { result: 'unknown' });
  const ofModels = MODEL_NAMES.map((model) => ({ model }));
  fromZero(metrics.modelVectors, ...ofModels);
  fromZero(metrics.modelAlarms, ...ofModels);
  for (const served of FORECASTERS) {
    fromZero(metrics.loadForecasts, { served });
    for (const forecaster of new Set(['ewma', 'persistence', served])) {
      fromZero(metrics.loadErrors, { served, forecaster });
    }
  }
  fromZero(metrics.shadowAlarms, { release: 'shadow' }, { release: 'production' });
  fromZero(metrics.loadIntervals, { result: 'inside' }, { result: 'outside' });
  const explanations = ['explained', 'too-many-at-once', 'switched-off', 'failed'] as const;
  fromZero(metrics.anomalyExplanations, ...explanations.map((result) => ({ result })));
  fromZero(metrics.releaseLoads, { result: 'loaded' }, { result: 'refused' }, { result: 'failed' });
  for (const result of ['refused', 'failed']) metrics.releaseBlocked.labels(result).set(0);
  return metrics;
}

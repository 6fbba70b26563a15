import { Counter, Gauge, type Registry } from 'prom-client';

export type Metrics = ReturnType<typeof createMetrics>;

export function createMetrics(registry: Registry) {
  const registers = [registry];
  const gauge = (name: string, help: string): Gauge => new Gauge({ name, help, registers });
  return {
    decisions: new Counter({
      name: 'liminal_retrainer_decisions_total',
      help: 'Looks at the rules, by what was decided',
      labelNames: ['decision'] as const,
      registers,
    }),
    requests: new Counter({
      name: 'liminal_retrainer_training_requests_total',
      help: 'Trainings asked for, by reason',
      labelNames: ['reason'] as const,
      registers,
    }),
    rolloutSteps: new Counter({
      name: 'liminal_retrainer_rollout_steps_total',
      help: 'Steps of rollouts: phases that began, and what came of them',
      labelNames: ['step'] as const,
      registers,
    }),
    rolloutRunning: gauge('liminal_retrainer_rollout_running_ratio', '1 while a release is on its way, otherwise 0'),
    productionSince: gauge(
      'liminal_retrainer_production_since_timestamp_seconds',
      'When the serving release was promoted',
    ),
    trainingRows: gauge('liminal_retrainer_training_rows', 'Rows archived for training'),
    trainingUsers: gauge(
      'liminal_retrainer_training_users',
      'Users that the archived rows come from, counted up to 1000',
    ),
    martingale: gauge(
      'liminal_retrainer_drift_martingale_nats',
      'Natural logarithm of the conformal test martingale of the serving release',
    ),
    martingaleHighest: gauge(
      'liminal_retrainer_drift_martingale_highest_nats',
      'Natural logarithm of its largest value so far, which the alarm is about',
    ),
    martingaleThreshold: gauge(
      'liminal_retrainer_drift_martingale_threshold_nats',
      'Natural logarithm of the value at which it alarms',
    ),
    driftVectors: gauge('liminal_retrainer_drift_window_rows', 'Vectors of different users in the window'),
    alertRate: gauge('liminal_retrainer_alert_rate_ratio', 'Share of the vectors of the window that alarmed'),
    alertBudget: gauge('liminal_retrainer_alert_budget_ratio', 'Share of normal vectors that may alarm, as was set'),
    rowsSinceChange: gauge(
      'liminal_retrainer_drift_since_change_rows',
      'Predictions since the likely change; 0 while there is no drift',
    ),
    windowStart: gauge(
      'liminal_retrainer_drift_window_start_timestamp_seconds',
      'Event time of the first vector of the window; 0 = none',
    ),
    windowEnd: gauge(
      'liminal_retrainer_drift_window_end_timestamp_seconds',
      'Event time of the last vector of the window; 0 = none',
    ),
    scoreDistance: gauge(
      'liminal_retrainer_drift_scores_distance_ratio',
      'Largest distance of the p-values of the window from the uniform distribution',
    ),
    scorePValue: gauge('liminal_retrainer_drift_scores_p_value_ratio', 'p-value of that distance'),
    checkedAt: gauge(
      'liminal_retrainer_drift_check_timestamp_seconds',
      'When a window was last compared with the reference',
    ),
    driftPValueThreshold: gauge(
      'liminal_retrainer_drift_p_value_threshold_ratio',
      'Adjusted p-value at or below which a feature counts as moved',
    ),
    stabilityLimit: gauge(
      'liminal_retrainer_drift_stability_limit_ratio',
      'Population stability index from which a feature has moved much, by custom',
    ),
    judgedAnomalies: new Gauge({
      name: 'liminal_retrainer_judged_anomalies',
      help: 'Alarms of the serving release that analysts have judged, by the last verdict',
      labelNames: ['verdict'] as const,
      registers,
    }),
    precisionFloor: gauge(
      'liminal_retrainer_precision_floor_ratio',
      'Share of right alarms among the judged ones below which a release is trained anew',
    ),
    mmdPValue: gauge(
      'liminal_retrainer_drift_mmd_p_value_ratio',
      'p-value of the test of all features at once, of the newest window that was compared',
    ),
    featureDrift: new Gauge({
      name: 'liminal_retrainer_drift_distance_ratio',
      help: 'Distance of a feature from the reference, by test; Wasserstein in the unit of the feature',
      labelNames: ['feature', 'test'] as const,
      registers,
    }),
    featureDriftPValue: new Gauge({
      name: 'liminal_retrainer_drift_p_value_ratio',
      help: 'p-value of that distance, adjusted for all features and tests',
      labelNames: ['feature', 'test'] as const,
      registers,
    }),
  };
}

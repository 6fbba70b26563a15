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

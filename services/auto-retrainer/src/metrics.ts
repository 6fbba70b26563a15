import { trainingReasonSchema } from '@liminal/shared/contracts/jobs';
import { absentAtFirst, fromZero } from '@liminal/shared/runtime/first-values';
import { Counter, Gauge, type Registry } from 'prom-client';
import { OUTCOMES, PHASES } from './rollout/rollout.ts';

export type Metrics = ReturnType<typeof createMetrics>;

export function createMetrics(registry: Registry) {
  const registers = [registry];
  const gauge = (name: string, help: string): Gauge => new Gauge({ name, help, registers });
  /** Of what is known once there was a look, a release or a check. */
  const found = (name: string, help: string): Gauge => absentAtFirst(gauge(name, help));
  const metrics = {
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
    rollingBack: gauge(
      'liminal_retrainer_rolling_back_ratio',
      '1 while a release that has to go still waits to be replaced by the one before it, otherwise 0',
    ),
    productionSince: found(
      'liminal_retrainer_production_since_timestamp_seconds',
      'When the serving release was promoted',
    ),
    trainingRows: found('liminal_retrainer_training_rows', 'Rows archived for training'),
    trainingUsers: found(
      'liminal_retrainer_training_users',
      'Users that the archived rows come from, counted up to 1000',
    ),
    martingale: found(
      'liminal_retrainer_drift_martingale_nats',
      'Natural logarithm of the conformal test martingale of the serving release',
    ),
    martingaleHighest: found(
      'liminal_retrainer_drift_martingale_highest_nats',
      'Natural logarithm of its largest value so far, which the alarm is about',
    ),
    martingaleThreshold: found(
      'liminal_retrainer_drift_martingale_threshold_nats',
      'Natural logarithm of the value at which it alarms',
    ),
    driftVectors: found('liminal_retrainer_drift_window_rows', 'Vectors of different users in the window'),
    alertRate: found('liminal_retrainer_alert_rate_ratio', 'Share of the vectors of the window that alarmed'),
    alertRateLow: found(
      'liminal_retrainer_alert_rate_low_ratio',
      'What that share is at least of all such vectors, 95% sure; once there is drift, of those since the likely change',
    ),
    alertRateHigh: found('liminal_retrainer_alert_rate_high_ratio', 'What that share is at most, likewise'),
    alertBudget: found('liminal_retrainer_alert_budget_ratio', 'Share of normal vectors that may alarm, as was set'),
    maxAge: found('liminal_retrainer_release_max_age_seconds', 'Age from which a release is trained anew, as was set'),
    rowsSinceChange: found(
      'liminal_retrainer_drift_since_change_rows',
      'Predictions since the likely change; 0 while there is no drift',
    ),
    windowStart: found(
      'liminal_retrainer_drift_window_start_timestamp_seconds',
      'Event time of the first vector of the window; 0 = none',
    ),
    windowEnd: found(
      'liminal_retrainer_drift_window_end_timestamp_seconds',
      'Event time of the last vector of the window; 0 = none',
    ),
    scoreDistance: found(
      'liminal_retrainer_drift_scores_distance_ratio',
      'Largest distance of the p-values of the window from the uniform distribution',
    ),
    scorePValue: found('liminal_retrainer_drift_scores_p_value_ratio', 'p-value of that distance'),
    checkedAt: found(
      'liminal_retrainer_drift_check_timestamp_seconds',
      'When a window was last compared with the reference',
    ),
    driftPValueThreshold: found(
      'liminal_retrainer_drift_p_value_threshold_ratio',
      'Adjusted p-value at or below which a feature counts as moved',
    ),
    stabilityLimit: found(
      'liminal_retrainer_drift_stability_limit_ratio',
      'Population stability index from which a feature has moved much, by custom',
    ),
    judgedAnomalies: new Gauge({
      name: 'liminal_retrainer_judged_anomalies',
      help: 'Alarms of the serving release that analysts have judged, by the last verdict',
      labelNames: ['verdict'] as const,
      registers,
    }),
    precisionFloor: found(
      'liminal_retrainer_precision_floor_ratio',
      'Share of right alarms among the judged ones below which a release is trained anew',
    ),
    mmdPValue: found(
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
  fromZero(metrics.requests, ...trainingReasonSchema.options.map((reason) => ({ reason })));
  fromZero(metrics.rolloutSteps, ...[...PHASES, ...OUTCOMES].map((step) => ({ step })));
  return {
    ...metrics,
    /** For when the serving release was not compared with a window yet: what was found of the last one says nothing of it. */
    dropCheck(): void {
      metrics.featureDrift.reset();
      metrics.featureDriftPValue.reset();
      metrics.mmdPValue.remove();
      metrics.checkedAt.remove();
    },
  };
}

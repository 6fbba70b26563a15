import { dashboard, row } from './dashboard.ts';
import { above, NO_LIMIT } from './limits.ts';
import { next, runbook } from './links.ts';
import { bars, graph, stat, timeline } from './panels.ts';
import { grown } from './queries.ts';
import { DRIFT_SHARE } from './shared-queries.ts';
import { FEATURE } from './variables.ts';

const ofFeatures = (metric: string, test: string): string =>
  `max by (feature) (liminal_retrainer_drift_${metric}{feature=~"$feature", test="${test}"})`;

const P_VALUE_LIMIT = 'max(liminal_retrainer_drift_p_value_threshold_ratio)';

export const drift = () =>
  dashboard('drift', {
    description:
      'Whether the traffic is still what the serving release was trained on, and what the auto-retrainer does about it.',
    variables: [FEATURE],
    rows: [
      row('Has the traffic changed', [
        stat('Way to the alarm', {
          description:
            'How far the martingale has come, on a logarithmic scale. At 100% it alarms, and by chance it gets there for at most DRIFT_FALSE_ALARM_RATE of all releases.',
          unit: 'percentunit',
          decimals: 0,
          queries: { 'Way to the alarm': DRIFT_SHARE },
          limits: above(0.7, 1),
          links: [runbook('LiminalDriftAlarm'), next('models')],
          whenEmpty: 'not measured',
        }),
        stat('Predictions since the change', {
          description:
            'Since the likely change of the traffic; 0 while there is no drift. From DRIFT_MIN_ROWS of them a release is trained.',
          unit: 'short',
          decimals: 0,
          queries: { rows: 'max(liminal_retrainer_drift_since_change_rows)' },
          limits: above(1),
          links: [next('models')],
        }),
        stat('Vectors in the window', {
          description: 'Vectors of different users that drift is measured on.',
          unit: 'short',
          queries: { rows: 'max(liminal_retrainer_drift_window_rows)' },
          limits: NO_LIMIT,
          links: [next('pipeline')],
        }),
        stat('Span of the window', {
          description: 'Event time between its first and its last vector.',
          unit: 's',
          decimals: 0,
          queries: {
            span: 'max(liminal_retrainer_drift_window_end_timestamp_seconds) - max(liminal_retrainer_drift_window_start_timestamp_seconds)',
          },
          limits: NO_LIMIT,
          links: [next('pipeline')],
          whenEmpty: 'no window yet',
        }),
        stat('Last check of the features', {
          description: 'Time since a window was last compared with the reference of the release.',
          unit: 's',
          decimals: 0,
          queries: { 'Last check': 'time() - max(liminal_retrainer_drift_check_timestamp_seconds)' },
          limits: above(6 * 3600, 24 * 3600),
          links: [next('infrastructure')],
          whenEmpty: 'none yet',
        }),
        stat('All features at once', {
          description:
            'p-value of the test of all features together (maximum mean discrepancy), of the newest window that was compared.',
          unit: 'short',
          decimals: 3,
          queries: { 'All features': 'max(liminal_retrainer_drift_mmd_p_value_ratio)' },
          limits: {
            steps: [
              { color: 'orange', value: null },
              { color: 'green', value: 0.05 },
            ],
          },
          links: [next('anomalies')],
          whenEmpty: 'none yet',
        }),
      ]),
      row('Scores', [
        graph('Martingale', {
          description:
            'Natural logarithm of the conformal test martingale, its largest value so far, and where it alarms. It falls in quiet times; a steady climb is drift.',
          unit: 'suffix: nats',
          queries: {
            now: 'max(liminal_retrainer_drift_martingale_nats)',
            highest: 'max(liminal_retrainer_drift_martingale_highest_nats)',
            threshold: 'max(liminal_retrainer_drift_martingale_threshold_nats)',
          },
          limits: NO_LIMIT,
          links: [runbook('LiminalDriftAlarm'), next('models')],
        }),
        graph('Alarm rate of the users', {
          description:
            'Share of the vectors of the window, one of each user, that alarmed; what it is at least and at most, 95% sure; and the budget. Only drift that moves this rate is acted on.',
          unit: 'percentunit',
          min: 0,
          queries: {
            'alarm rate': 'max(liminal_retrainer_alert_rate_ratio)',
            'at least': 'max(liminal_retrainer_alert_rate_low_ratio)',
            'at most': 'max(liminal_retrainer_alert_rate_high_ratio)',
            budget: 'max(liminal_retrainer_alert_budget_ratio)',
          },
          limits: NO_LIMIT,
          links: [runbook('LiminalAnomalyRateOffBudget'), next('anomalies')],
        }),
        graph('p-values against the uniform distribution', {
          description:
            'Largest distance (Kolmogorov–Smirnov) of the p-values of the window from what calibrated ones are, and the p-value of that distance. A p-value below the threshold for an hour is an alert.',
          unit: 'short',
          min: 0,
          max: 1,
          queries: {
            distance: 'max(liminal_retrainer_drift_scores_distance_ratio)',
            'p-value': 'min(liminal_retrainer_drift_scores_p_value_ratio)',
            threshold: 'liminal:threshold:score_drift_p_value_ratio',
          },
          limits: NO_LIMIT,
          links: [runbook('LiminalScoreDrift'), next('anomalies')],
          whenEmpty: 'no window yet',
        }),
      ]),
      row(
        'Features',
        [
          graph('p-values, smallest of all tests', {
            description: 'Adjusted for all features and tests. At or below the threshold a feature counts as moved.',
            unit: 'short',
            min: 0,
            max: 1,
            queries: {
              '{{feature}}': 'min by (feature) (liminal_retrainer_drift_p_value_ratio{feature=~"$feature"})',
              threshold: P_VALUE_LIMIT,
            },
            limits: NO_LIMIT,
            links: [runbook('LiminalFeatureDrift'), next('anomalies')],
            whenEmpty: 'no check yet',
          }),
          graph('Population stability index', {
            description:
              'How far the distribution of each feature is from the reference. By custom it has moved much from the limit on.',
            unit: 'short',
            min: 0,
            queries: {
              '{{feature}}': ofFeatures('distance_ratio', 'population-stability'),
              limit: 'max(liminal_retrainer_drift_stability_limit_ratio)',
            },
            limits: NO_LIMIT,
            links: [runbook('LiminalFeatureDrift'), next('anomalies')],
            whenEmpty: 'no check yet',
          }),
          graph('Kolmogorov–Smirnov distance', {
            description: 'Largest distance between the distribution of the window and that of the reference, 0 to 1.',
            unit: 'short',
            min: 0,
            max: 1,
            queries: { '{{feature}}': ofFeatures('distance_ratio', 'ks') },
            limits: above(0.2, 0.4),
            links: [next('anomalies')],
            whenEmpty: 'no check yet',
          }),
          graph('Wasserstein distance', {
            description: 'How far the values have moved on average, in the unit of each feature.',
            unit: 'short',
            min: 0,
            queries: { '{{feature}}': ofFeatures('distance_ratio', 'wasserstein') },
            limits: NO_LIMIT,
            links: [next('anomalies')],
            whenEmpty: 'no check yet',
          }),
          graph('Change of the missing values', {
            description: 'How much the share of vectors in which the feature is not observed has changed.',
            unit: 'percentunit',
            queries: { '{{feature}}': ofFeatures('distance_ratio', 'missing-rate') },
            limits: above(0.1, 0.3),
            links: [next('anomalies')],
            whenEmpty: 'no check yet',
          }),
          bars('p-values by test', {
            description: 'Smallest adjusted p-value of the chosen features, by test: which kind of change it is.',
            unit: 'short',
            min: 0,
            max: 1,
            decimals: 3,
            queries: { '{{test}}': 'min by (test) (liminal_retrainer_drift_p_value_ratio{feature=~"$feature"})' },
            limits: {
              steps: [
                { color: 'orange', value: null },
                { color: 'green', value: 0.05 },
              ],
            },
            links: [next('anomalies')],
            whenEmpty: 'no check yet',
          }),
        ],
        3,
      ),
      row('What the auto-retrainer does', [
        graph('Decisions', {
          description:
            'Looks at the rules in the hour before, by the rule that decided. GET /policy says what each rule waits for.',
          unit: 'short',
          queries: { '{{decision}}': grown('liminal_retrainer_decisions_total', '1h', 'decision') },
          limits: NO_LIMIT,
          links: [next('models')],
          stacked: true,
        }),
        graph('Trainings asked for', {
          description:
            'In the day before, by reason. Many because of drift, one after the other: the traffic moves faster than releases are trained.',
          unit: 'short',
          queries: { '{{reason}}': grown('liminal_retrainer_training_requests_total', '24h', 'reason') },
          limits: above(4, 12),
          links: [runbook('LiminalRetrainingFailing'), next('models')],
          whenEmpty: 'none',
        }),
        timeline('Rollout', {
          description: 'Whether a release is on its way. While one is, no other is trained.',
          unit: 'short',
          queries: { rollout: 'max(liminal_retrainer_rollout_running_ratio)' },
          states: { 0: { text: 'no', color: 'text' }, 1: { text: 'yes', color: 'blue' } },
          limits: NO_LIMIT,
          links: [runbook('LiminalRolloutStuck'), next('models')],
        }),
      ]),
    ],
  });

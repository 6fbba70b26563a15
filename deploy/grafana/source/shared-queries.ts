import type { States } from './panels.ts';
import { grown, orZero, share } from './queries.ts';

/** Queries that more than one dashboard shows. */

/** Share of the scored vectors of a window that alarmed. */
export const ALARM_SHARE = (window: string): string =>
  share(
    `(${orZero(grown('liminal_predictor_predictions_total{severity=~"warning|critical"}', window))})`,
    grown('liminal_predictor_predictions_total', window),
  );

/** Share of normal vectors that may alarm, as was set. */
export const BUDGET = 'max(liminal_predictor_alert_budget_ratio)';

/** Entries that were put aside by any service. */
export const DEAD_LETTERS = (window: string): string =>
  ['extractor', 'predictor', 'kenning'].map((part) => grown(`liminal_${part}_dead_letters_total`, window)).join(' + ');

export const RELEASE_AGE = 'time() - max(liminal_predictor_release_created_timestamp_seconds)';

/** How far the martingale has come, of the way to its alarm. */
export const DRIFT_SHARE =
  'max(liminal_retrainer_drift_martingale_highest_nats) / max(liminal_retrainer_drift_martingale_threshold_nats)';

/** Share of true alarms among those judged true or false. */
export const PRECISION =
  'max(liminal_retrainer_judged_anomalies{verdict="true_positive"}) / (sum(max by (verdict) (liminal_retrainer_judged_anomalies{verdict=~"true_positive|false_positive"})) > 0)';

const SERVICES = ['backend', 'feature-extractor', 'predictor', 'auto-retrainer', 'kenning'];

/** Of each service, whether all replicas answer. Without any target there is no `up` either: that is 0, too. */
export const UP = [
  `min by (job) (up{job=~"${SERVICES.join('|')}"})`,
  ...SERVICES.map((service) => `(absent(up{job="${service}"}) - 1)`),
].join(' or ');

export const SERVING_STATES: States = {
  0: { text: 'trained here', color: 'green' },
  1: { text: 'factory', color: 'orange' },
};

import { continued, dashboard, row } from './dashboard.ts';
import { above, below, NO_LIMIT } from './limits.ts';
import { next, runbook } from './links.ts';
import { graph, stat, table } from './panels.ts';
import { grown, orZero, perSecond, quantile, share } from './queries.ts';
import {
  ALARM_SHARE,
  BUDGET,
  DEAD_LETTERS,
  DRIFT_SHARE,
  PRECISION,
  RELEASE_AGE,
  SERVING_STATES,
  UP,
} from './shared-queries.ts';
import { SERVICE } from './variables.ts';

export const overview = () =>
  dashboard('overview', {
    description: 'Is it working, and is it right? Everything else is one click further.',
    variables: [SERVICE],
    rows: [
      row('Is it working', [
        stat('Services that answer', {
          description:
            'Whether the last scrape of each service (of its worst replica) succeeded. A service that is down leaves gaps in everything below.',
          unit: 'short',
          queries: { '{{job}}': UP },
          states: { 0: { text: 'down', color: 'red' }, 1: { text: 'up', color: 'green' } },
          limits: below(1),
          links: [runbook('LiminalServiceDown'), next('infrastructure')],
          width: 16,
        }),
        stat('Not ready', {
          description:
            'What the worst replica of a service lacks to do its work: Redis, a release, its partitions. GET /ready of the service says why.',
          unit: 'short',
          queries: {
            '{{job}} lacks {{dependency}}':
              'min by (job, dependency) (liminal_dependency_ready_ratio{job=~"$service"}) == 0',
          },
          states: { 0: { text: 'not ready', color: 'red' } },
          limits: above(0),
          links: [runbook('LiminalServiceNotReady'), next('infrastructure')],
          whenEmpty: 'all ready',
          width: 8,
        }),
        stat('Critical alerts', {
          description: 'Alerts that are to wake someone and fire now. Which ones stands in the table below.',
          unit: 'short',
          queries: { firing: orZero('count(ALERTS{alertstate="firing", severity="critical"})') },
          limits: above(1),
          links: [next('runbooks')],
          width: 4,
        }),
        stat('Warnings', {
          description: 'Alerts for working hours that fire now. Which ones stands in the table below.',
          unit: 'short',
          queries: { firing: orZero('count(ALERTS{alertstate="firing", severity="warning"})') },
          limits: above(1, 5),
          links: [next('runbooks')],
          width: 4,
        }),
        stat('Dead letters, 24 h', {
          description:
            'Stream entries of the last day that could not be decoded and were put aside. They are not lost: dead:<stream> in Redis has them with the reason.',
          unit: 'short',
          decimals: 0,
          queries: { entries: DEAD_LETTERS('24h') },
          limits: above(1),
          links: [runbook('LiminalDeadLetters'), next('pipeline')],
          width: 4,
        }),
        stat('Oldest waiting entry', {
          description:
            'Age of the oldest stream entry that the feature-extractor or the predictor has not taken. Accepted events are safe, but users are judged so much later.',
          unit: 's',
          decimals: 0,
          queries: { '{{reader}}': 'max by (reader) (liminal_backend_oldest_waiting_seconds{reader!="kenning"})' },
          limits: above(10, 30),
          links: [runbook('LiminalEventPipeStalled'), next('pipeline')],
          whenEmpty: 'unknown',
          width: 8,
        }),
        stat('Refused calls, 5 min', {
          description:
            'Share of the calls of POST /events that were refused: bad events, a full pipe, or Redis away. The senders have to send them again.',
          unit: 'percentunit',
          queries: {
            share: share(
              `(${grown('liminal_backend_refusals_total', '5m')} or vector(0))`,
              grown('liminal_backend_calls_total', '5m'),
            ),
          },
          limits: above(0.001, 0.05),
          links: [runbook('LiminalBackPressure'), next('pipeline')],
          whenEmpty: 'no calls',
          width: 4,
        }),
      ]),
      continued([
        graph('Events per second', {
          description:
            'Events of POST /events by what came of them. A sudden end of accepted events is a sender that is gone.',
          unit: 'eps',
          queries: { '{{result}}': perSecond('liminal_backend_events_total', 'result') },
          limits: NO_LIMIT,
          links: [next('pipeline')],
        }),
        graph('From event to prediction', {
          description:
            'The 99th percentile of both halves of the way: acceptance of a call to its features, and features to their prediction.',
          unit: 's',
          queries: {
            'accepted to features, p99': quantile(0.99, 'liminal_extractor_latency_seconds'),
            'features to prediction, p99': quantile(0.99, 'liminal_predictor_latency_seconds'),
          },
          limits: above(0.5, 5),
          links: [runbook('LiminalPredictionLatencyBurnsFast'), next('pipeline')],
        }),
        graph('Internal errors', {
          description:
            'Requests of the five minutes before that ended with an unexpected error, status 500, by service. Each is a defect: everything that is expected has a code of its own.',
          unit: 'short',
          queries: {
            '{{job}}': grown('liminal_http_internal_errors_total{job=~"$service"}', '5m', 'job'),
          },
          limits: above(1),
          links: [runbook('LiminalInternalErrors'), next('http')],
        }),
      ]),
      row('Is it right', [
        stat('Serving release', {
          description:
            'Whether the predictor scores with a release that was trained on this platform, or still with the factory release, which has only seen simulated traffic.',
          unit: 'short',
          queries: {
            'Serving release': 'max(liminal_predictor_release_provisional_ratio)',
          },
          states: SERVING_STATES,
          limits: above(1),
          links: [runbook('LiminalReleaseProvisional'), next('models')],
          whenEmpty: 'none',
        }),
        stat('Age of the release', {
          description:
            'Time since the serving release was trained. The auto-retrainer trains anew after RELEASE_MAX_AGE_HOURS (a week, unless set).',
          unit: 's',
          decimals: 0,
          queries: { 'Age of the release': RELEASE_AGE },
          limits: above(8 * 86_400, 14 * 86_400),
          links: [runbook('LiminalReleaseOld'), next('models')],
          whenEmpty: 'none',
        }),
        stat('Alarms in budgets', {
          description:
            'Share of the vectors of the last hour that alarmed, divided by the rate that was set (ANOMALY_ALERT_RATE): 1 is what quiet traffic gives at most. Attacks and drift both raise it.',
          unit: 'suffix: ×',
          decimals: 1,
          queries: { 'Alarms in budgets': `${ALARM_SHARE('1h')} / scalar(${BUDGET})` },
          limits: above(1.5, 10),
          links: [runbook('LiminalAnomalyStorm'), next('anomalies')],
          whenEmpty: 'no traffic',
        }),
        stat('Drift', {
          description:
            'How far the conformal test martingale of the serving release has come on its way to the alarm, on a logarithmic scale: at 100% the traffic is not what the release was trained on.',
          unit: 'percentunit',
          decimals: 0,
          min: 0,
          queries: { Drift: DRIFT_SHARE },
          limits: above(0.7, 1),
          links: [runbook('LiminalDriftAlarm'), next('drift')],
          whenEmpty: 'not measured',
        }),
        stat('Alarms that were right', {
          description:
            'Among the alarms of the serving release that analysts have judged true or false: the share of true ones.',
          unit: 'percentunit',
          decimals: 0,
          queries: { 'Alarms that were right': PRECISION },
          limits: below(0.5, 0.3),
          links: [next('anomalies')],
          whenEmpty: 'none judged',
        }),
        stat('Forecasts inside 90%', {
          description:
            'Share of the checked load forecasts whose 90% interval held the load that came, over a day. Far below 90% the LSTM does not know this traffic.',
          unit: 'percentunit',
          decimals: 0,
          queries: {
            'Forecasts inside 90%': share(
              grown('liminal_predictor_load_intervals_total{result="inside"}', '24h'),
              grown('liminal_predictor_load_intervals_total', '24h'),
            ),
          },
          limits: below(0.85, 0.7),
          links: [next('models')],
          whenEmpty: 'none checked',
        }),
      ]),
      continued([
        graph('Alarm rate and budget', {
          description:
            'Share of scored vectors that alarmed, and the budget that was set. Above it for long, without an attack: the release does not fit the traffic any more.',
          unit: 'percentunit',
          min: 0,
          queries: { alarms: ALARM_SHARE('15m'), budget: BUDGET },
          limits: NO_LIMIT,
          links: [runbook('LiminalAnomalyRateOffBudget'), next('anomalies'), next('drift')],
          width: 10,
        }),
        table('Firing alerts', {
          description:
            'What fires now and how bad it is: critical = wake someone, warning = working hours, info = diagnosis. Empty is good.',
          unit: 'short',
          queries: { alerts: 'max by (alertname, severity, job) (ALERTS{alertstate="firing"})' },
          columns: { alertname: 'alert', severity: 'severity', job: 'service' },
          limits: NO_LIMIT,
          links: [next('runbooks')],
          whenEmpty: 'no alert fires',
          width: 14,
        }),
      ]),
    ],
  });

import { continued, dashboard, row } from './dashboard.ts';
import { above, NO_LIMIT } from './limits.ts';
import { next, runbook } from './links.ts';
import { bars, graph, stat } from './panels.ts';
import { grown, perSecond, quantile, share } from './queries.ts';
import { ALARM_SHARE, BUDGET, PRECISION } from './shared-queries.ts';
import { MODEL, SERIES } from './variables.ts';

/** Of a model alone: `$model` chooses which. */
const modelShare = (window: string): string =>
  share(
    grown('liminal_predictor_model_alarms_total{model=~"$model"}', window, 'model'),
    grown('liminal_predictor_model_vectors_total{model=~"$model"}', window, 'model'),
  );

const ofSeries = (what: string): string => `max by (series) (liminal_predictor_series_${what}{series=~"$series"})`;

export const anomalies = () =>
  dashboard('anomalies', {
    description:
      'Who alarms how often, which models say so, whether the alarms are explained, and what analysts think of them.',
    variables: [MODEL, SERIES],
    rows: [
      row('Users', [
        graph('Predictions per second, by severity', {
          description:
            'Scored vectors of the stream. Severities are calibrated: under normal traffic the share of warning and critical together is at most the rate that was set.',
          unit: 'ops',
          queries: { '{{severity}}': perSecond('liminal_predictor_predictions_total', 'severity') },
          limits: NO_LIMIT,
          links: [runbook('LiminalAnomalyStorm'), next('pipeline')],
          stacked: true,
        }),
        graph('Alarm rate and budget', {
          description:
            'Share of the scored vectors that alarmed, over a quarter of an hour and a day, and the rate that was set. A short peak is an attack; a level that stays is drift.',
          unit: 'percentunit',
          min: 0,
          queries: { '15 min': ALARM_SHARE('15m'), day: ALARM_SHARE('24h'), budget: BUDGET },
          limits: NO_LIMIT,
          links: [runbook('LiminalAnomalyRateOffBudget'), next('drift')],
        }),
        graph('Anomalies per hour', {
          description:
            'Anomalies that were written, by what is anomalous: a user, or a series of the platform as a whole.',
          unit: 'short',
          queries: { '{{entity}}': grown('liminal_predictor_anomalies_total', '1h', 'entity') },
          limits: NO_LIMIT,
          links: [runbook('LiminalAnomalyStorm'), next('pipeline')],
        }),
      ]),
      row('Models', [
        graph('Alarm rate of each model alone', {
          description:
            'Share of the vectors that a model scored whose p-value of that model is within the alarm rate. One model above the budget in quiet traffic, and the others not: it does not fit this traffic.',
          unit: 'percentunit',
          min: 0,
          queries: { '{{model}}': modelShare('15m'), budget: BUDGET },
          limits: NO_LIMIT,
          links: [next('models')],
          width: 16,
        }),
        bars('Alarm rate of each model, 24 h', {
          description: 'The same over a day: which models the anomalies of the day came from.',
          unit: 'percentunit',
          min: 0,
          queries: { '{{model}}': modelShare('24h') },
          limits: above(0.02, 0.1),
          links: [next('models')],
          whenEmpty: 'no traffic',
          width: 8,
        }),
      ]),
      row('Explanations', [
        graph('Anomalies by whether they are explained', {
          description:
            'Within the window. too-many-at-once: more anomalies than can be explained in time, as in a storm; they are written without an explanation, and GET /explain/:user gives one when asked.',
          unit: 'short',
          queries: {
            '{{result}}': grown('liminal_predictor_anomaly_explanations_total', '$__rate_interval', 'result'),
          },
          limits: NO_LIMIT,
          links: [next('pipeline')],
          stacked: true,
        }),
        graph('Time of explanations, p99', {
          description: 'Waiting included: of a batch of anomalies of the stream, and of a vector that was asked for.',
          unit: 's',
          queries: { '{{kind}}': quantile(0.99, 'liminal_predictor_explanation_duration_seconds', 'kind') },
          limits: above(1, 5),
          links: [next('infrastructure')],
        }),
        stat('Explanations that do not add up, 24 h', {
          description:
            'Explanations whose base value and shares do not sum to the value that was served. Each one is a defect of this software: please report it.',
          unit: 'short',
          decimals: 0,
          queries: { misses: grown('liminal_predictor_additivity_misses_total', '24h') },
          limits: above(1),
          links: [next('models')],
        }),
      ]),
      row('What analysts say', [
        graph('Verdicts per hour', {
          description: 'Verdicts on anomalies that were taken (POST /ml/anomalies/:id/verdict), by what they say.',
          unit: 'short',
          queries: { '{{verdict}}': grown('liminal_backend_verdicts_total', '1h', 'verdict') },
          limits: NO_LIMIT,
          links: [next('http')],
        }),
        bars('Judged alarms of the serving release', {
          description: 'By the last verdict of each anomaly. They start anew with each release.',
          unit: 'short',
          min: 0,
          queries: { '{{verdict}}': 'max by (verdict) (liminal_retrainer_judged_anomalies)' },
          limits: NO_LIMIT,
          links: [next('models')],
        }),
        graph('Share of right alarms', {
          description:
            'Right alarms among those that were judged right or wrong. Below the floor a release is trained anew, once enough were judged.',
          unit: 'percentunit',
          min: 0,
          max: 1,
          queries: { 'right alarms': PRECISION, floor: 'max(liminal_retrainer_precision_floor_ratio)' },
          limits: NO_LIMIT,
          links: [next('drift')],
          whenEmpty: 'none judged',
        }),
      ]),
      row('Analyses by LLMs', []),
      row('Feedback', [
        graph('Held back per hour', {
          description:
            'Vectors that would have alarmed and were held back, by a suppression rule or by a rate that verdicts have lowered. GET /ml/suppressed lists them.',
          unit: 'short',
          queries: { '{{reason}}': grown('liminal_predictor_suppressed_total', '1h', 'reason') },
          limits: NO_LIMIT,
          links: [next('overview')],
        }),
        stat('Rules in force', {
          description: 'Suppression rules that the predictors apply. GET /ml/suppressions lists them with their hits.',
          unit: 'short',
          decimals: 0,
          queries: { rules: 'max(liminal_predictor_suppression_rules)' },
          limits: above(150, 200),
          links: [next('overview')],
        }),
        bars('Precision', {
          description:
            'Share of confirmed ones among the alarms of the last 90 days that analysts have judged, by the model that raised them and by severity.',
          unit: 'percentunit',
          min: 0,
          queries: { '{{model}}, {{severity}}': 'max by (model, severity) (liminal_backend_precision_ratio)' },
          limits: NO_LIMIT,
          links: [next('models')],
          whenEmpty: 'none judged',
        }),
        bars('Judged alarms', {
          description: 'How many are behind the precision.',
          unit: 'short',
          min: 0,
          queries: {
            '{{model}}, {{severity}}, {{result}}': 'max by (model, severity, result) (liminal_backend_judged_alarms)',
          },
          limits: NO_LIMIT,
          links: [next('models')],
          whenEmpty: 'none judged',
        }),
        graph('Readings of what analysts decided', {
          description:
            'By result, per hour. unreadable and failed leave the rules before in force: the log of the predictor says why.',
          unit: 'short',
          queries: { '{{result}}': grown('liminal_predictor_alarm_policy_reads_total', '1h', 'result') },
          limits: NO_LIMIT,
          links: [next('http')],
        }),
      ]),
      row('Incidents and live streams', [
        stat('Incidents kept', {
          description:
            'Groups of anomalies of one user, IP or scenario, as the replica that keeps them counts. GET /ml/incidents lists them by risk.',
          unit: 'short',
          decimals: 0,
          queries: { incidents: 'max(liminal_backend_incidents)' },
          limits: NO_LIMIT,
          links: [next('overview')],
          width: 4,
        }),
        graph('Taken into incidents per second', {
          description: 'Anomalies that were grouped, and verdicts that moved the risk of a group.',
          unit: 'short',
          queries: {
            anomalies: perSecond('liminal_backend_incident_anomalies_total'),
            verdicts: perSecond('liminal_backend_incident_verdicts_total'),
          },
          limits: NO_LIMIT,
          links: [next('overview')],
          width: 6,
        }),
        graph('Live streams', {
          description:
            'Clients of GET /ml/anomalies/stream, by replica. Beyond ANOMALY_STREAM_CLIENTS a replica answers 503.',
          unit: 'short',
          queries: { '{{instance}}': 'liminal_backend_stream_clients' },
          limits: above(1800),
          links: [next('http')],
          width: 7,
        }),
        graph('Events and ends of live streams per second', {
          description:
            'slow: a client did not keep up, and was told where to resume. gaps: a client resumed where nothing is kept any more. refused: as many clients as may be.',
          unit: 'short',
          queries: {
            events: perSecond('liminal_backend_stream_events_total'),
            '{{reason}}': perSecond('liminal_backend_stream_ended_total', 'reason'),
            gaps: perSecond('liminal_backend_stream_gaps_total'),
            refused: perSecond('liminal_backend_stream_refused_total'),
          },
          limits: NO_LIMIT,
          links: [next('http')],
          width: 7,
        }),
      ]),
      row('The platform as a whole', [
        graph('Series of the platform', {
          description:
            'The newest minute of each chosen series, in its own unit. Choose one or two above: together they hardly share a scale.',
          unit: 'short',
          queries: { '{{series}}': ofSeries('value') },
          limits: NO_LIMIT,
          links: [next('pipeline')],
          width: 12,
        }),
        graph('What was expected', {
          description:
            'Of the chosen series: the median, and the range in which nine of ten minutes were expected to lie.',
          unit: 'short',
          queries: {
            '{{series}}, 95%': ofSeries('expected_high'),
            '{{series}}, median': ofSeries('expected'),
            '{{series}}, 5%': ofSeries('expected_low'),
          },
          limits: NO_LIMIT,
          links: [next('pipeline')],
          width: 12,
        }),
      ]),
      continued([
        graph('How anomalous the series are', {
          description:
            'Score of the newest minute of each chosen series, higher is stranger. Absent while it is too early to tell.',
          unit: 'short',
          queries: { '{{series}}': ofSeries('score') },
          limits: NO_LIMIT,
          links: [next('overview')],
          width: 16,
        }),
        graph('Minutes of the platform', {
          description:
            'Minutes that were scored, and minutes passed over because nothing is known of them, per hour. An hour has 60.',
          unit: 'short',
          queries: { '{{result}}': grown('liminal_predictor_series_minutes_total', '1h', 'result') },
          limits: NO_LIMIT,
          links: [next('pipeline')],
          width: 8,
        }),
      ]),
    ],
  });

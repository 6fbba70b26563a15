import { dashboard, row } from './dashboard.ts';
import { above, NO_LIMIT } from './limits.ts';
import { next, runbook } from './links.ts';
import { graph } from './panels.ts';
import { grown, medianAndP99, perSecond, share } from './queries.ts';

/** Buckets of the latencies end there: what is slower is not told apart. */
const LATE = 0.5;

export const pipeline = () =>
  dashboard('pipeline', {
    description: 'The way of an event: taken in, folded into features, scored, archived for training.',
    variables: [],
    rows: [
      row(
        'Intake (backend)',
        [
          graph('Events per second', {
            description:
              'Events of POST /events: accepted, already known by their id, or refused as far as they were read.',
            unit: 'eps',
            queries: { '{{result}}': perSecond('liminal_backend_events_total', 'result') },
            limits: NO_LIMIT,
            links: [next('http')],
            stacked: true,
          }),
          graph('Calls per second', {
            description:
              'Calls of POST /events, and those among them that were refused. A refused call stored nothing.',
            unit: 'reqps',
            queries: {
              calls: perSecond('liminal_backend_calls_total'),
              refused: `${perSecond('liminal_backend_refusals_total')} or vector(0)`,
            },
            limits: NO_LIMIT,
            links: [runbook('LiminalBackPressure'), next('http')],
          }),
          graph('Share of calls told to wait', {
            description:
              'Calls of POST /events that were refused because the pipe is full (back-pressure), among all, in five minutes. Nothing is lost as long as the senders send again.',
            unit: 'percentunit',
            min: 0,
            queries: {
              'back-pressure': share(
                grown('liminal_backend_refusals_total{reason="LIMINAL_ERR_EVENTS_BACKPRESSURE"}', '5m'),
                grown('liminal_backend_calls_total', '5m'),
              ),
              threshold: 'liminal:threshold:back_pressure_ratio',
            },
            limits: NO_LIMIT,
            links: [runbook('LiminalBackPressure'), next('infrastructure')],
          }),
          graph('Refused calls by reason', {
            description:
              'By error code, within the window. docs/errors.md says of each what to do; back-pressure means that the extractor is behind.',
            unit: 'short',
            queries: { '{{reason}}': grown('liminal_backend_refusals_total', '$__rate_interval', 'reason') },
            limits: above(1),
            links: [runbook('LiminalBackPressure'), next('http')],
            whenEmpty: 'none',
          }),
          graph('Events in a call', {
            description:
              'Events in the calls that were taken. Calls with one event each cost far more than large ones.',
            unit: 'short',
            queries: medianAndP99('liminal_backend_call_size_events'),
            limits: NO_LIMIT,
            links: [next('http')],
          }),
          graph('Time to store a call', {
            description: 'From the whole body of a call to its events in Redis.',
            unit: 's',
            queries: medianAndP99('liminal_backend_ingest_duration_seconds'),
            limits: above(0.1, LATE),
            links: [next('infrastructure')],
          }),
          graph('Oldest entry that waits', {
            description:
              'Age of the oldest stream entry that each reader has not taken. kenning archives in large parts, so its line is a saw-tooth.',
            unit: 's',
            min: 0,
            queries: {
              '{{reader}}': 'max by (reader) (liminal_backend_oldest_waiting_seconds)',
              'threshold, {{reader}}': 'liminal:threshold:oldest_waiting_seconds',
            },
            limits: NO_LIMIT,
            links: [runbook('LiminalEventPipeStalled'), next('infrastructure')],
            logarithmic: true,
          }),
          graph('Events that wait', {
            description:
              'Accepted events that are not folded yet, as the backend sees it in Redis. Calls are refused when a partition gets too far behind. Empty: Redis is away.',
            unit: 'short',
            queries: {
              'all partitions': 'sum(max by (partition) (liminal_backend_lag_events))',
              'worst partition': 'max(liminal_backend_lag_events)',
            },
            limits: above(10_000, 100_000),
            links: [runbook('LiminalEventPipeStalled'), next('infrastructure')],
          }),
        ],
        4,
      ),
      row(
        'Features (feature-extractor)',
        [
          graph('Folded events per second', {
            description:
              'Events folded into user states. Late ones were older than their window when they came: they are counted and change nothing.',
            unit: 'eps',
            queries: {
              '{{result}}': perSecond('liminal_extractor_events_total', 'result'),
              'late for their minute': perSecond('liminal_extractor_late_minute_events_total'),
            },
            limits: NO_LIMIT,
            links: [next('anomalies')],
          }),
          graph('Vectors and minutes per second', {
            description:
              'Feature vectors that were emitted, and minutes of the platform that were closed (one for each partition).',
            unit: 'ops',
            queries: {
              vectors: perSecond('liminal_extractor_vectors_total'),
              minutes: perSecond('liminal_extractor_closed_minutes_total'),
            },
            limits: NO_LIMIT,
            links: [next('anomalies')],
          }),
          graph('From acceptance to features', {
            description: 'From the acceptance of a call to the commit of its feature vectors.',
            unit: 's',
            queries: medianAndP99('liminal_extractor_latency_seconds'),
            limits: above(LATE, 5),
            links: [runbook('LiminalEventPipeStalled'), next('infrastructure')],
          }),
          graph('Time of a commit', {
            description:
              'Of the one atomic script that stores vectors, states and cursor. It grows when Redis is busy.',
            unit: 's',
            queries: medianAndP99('liminal_extractor_commit_duration_seconds'),
            limits: above(0.05, LATE),
            links: [next('infrastructure')],
          }),
          graph('Lag of the holders, by partition', {
            description:
              'Accepted events that the holder of a partition has not folded yet. One partition far above the others: a user that sends very much.',
            unit: 'short',
            queries: { 'partition {{partition}}': 'max by (partition) (liminal_extractor_lag_events)' },
            limits: above(10_000, 100_000),
            links: [runbook('LiminalEventPipeStalled'), next('infrastructure')],
          }),
          graph('User states in memory', {
            description: 'Users whose state the extractors keep in their heaps. It is bounded; Redis has all of them.',
            unit: 'short',
            queries: { '{{instance}}': 'liminal_extractor_cached_users' },
            limits: NO_LIMIT,
            links: [next('infrastructure')],
          }),
        ],
        3,
      ),
      row('Scoring (predictor)', [
        graph('Predictions per second', {
          description:
            'Vectors of the stream that were scored, and vectors scored on request (POST /predict of the predictor and of kenning).',
          unit: 'ops',
          queries: {
            stream: perSecond('liminal_predictor_predictions_total'),
            'asked of the predictor': perSecond('liminal_predictor_requested_vectors_total'),
            'asked of kenning': perSecond('liminal_kenning_scored_vectors_total'),
          },
          limits: NO_LIMIT,
          links: [next('anomalies')],
        }),
        graph('From features to prediction', {
          description: 'From the commit of a vector to the commit of its prediction.',
          unit: 's',
          queries: medianAndP99('liminal_predictor_latency_seconds'),
          limits: above(LATE, 5),
          links: [runbook('LiminalPredictionLatencyBurnsFast'), next('models')],
        }),
        graph('Late predictions', {
          description:
            'Share of the predictions that were not committed in time (SLO: 99% within 0.5 s), over five minutes and an hour, and the budget. The alerts are about how fast the budget of 30 days is spent.',
          unit: 'percentunit',
          min: 0,
          queries: {
            '5 min': 'liminal:prediction_latency:slow_ratio_rate5m',
            hour: 'liminal:prediction_latency:slow_ratio_rate1h',
            budget: '1 - liminal:threshold:prediction_latency_objective_ratio',
          },
          limits: NO_LIMIT,
          links: [runbook('LiminalPredictionLatencyBurnsSlowly'), next('infrastructure')],
        }),
        graph('Time of one inference', {
          description: 'How long one run of the models keeps the event loop. It must stay below 20 ms.',
          unit: 's',
          queries: medianAndP99('liminal_predictor_inference_duration_seconds'),
          limits: above(0.01, 0.02),
          links: [next('infrastructure')],
        }),
      ]),
      row('Archive (kenning), and what was put aside', [
        graph('Archived rows per second', {
          description: 'Predictions that became training rows in the model store.',
          unit: 'rowsps',
          queries: { rows: perSecond('liminal_kenning_archived_rows_total') },
          limits: NO_LIMIT,
          links: [next('models')],
        }),
        graph('Time to write a part', {
          description:
            'To write one part of the archive and to commit its cursor. It grows when the model store is slow.',
          unit: 's',
          queries: medianAndP99('liminal_kenning_archive_write_duration_seconds'),
          limits: above(1, 5),
          links: [runbook('LiminalModelStoreUnreachable'), next('models')],
        }),
        graph('Dead letters', {
          description:
            'Entries that could not be decoded and were put aside, within the window. Anything above zero deserves a look.',
          unit: 'short',
          queries: {
            'feature-extractor': grown('liminal_extractor_dead_letters_total', '$__rate_interval'),
            predictor: grown('liminal_predictor_dead_letters_total', '$__rate_interval'),
            kenning: grown('liminal_kenning_dead_letters_total', '$__rate_interval'),
          },
          limits: above(1),
          links: [runbook('LiminalDeadLetters'), next('overview')],
        }),
        graph('Partitions held', {
          description:
            'Each of the three readers has to hold all partitions, altogether. Fewer: some partitions stand still until a lease runs out and another replica takes them.',
          unit: 'short',
          min: 0,
          queries: {
            'feature-extractor': 'sum(liminal_extractor_partitions)',
            predictor: 'sum(liminal_predictor_partitions)',
            kenning: 'sum(liminal_kenning_partitions)',
            threshold: 'count(count by (partition) (liminal_backend_lag_events))',
          },
          limits: NO_LIMIT,
          links: [runbook('LiminalReplicaDown'), next('infrastructure')],
        }),
      ]),
    ],
  });

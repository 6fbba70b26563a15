import { dashboard, row } from './dashboard.ts';
import { above, below, NO_LIMIT } from './limits.ts';
import { next, runbook } from './links.ts';
import { bars, graph, stat, table, timeline } from './panels.ts';
import { grown, mean, orZero, perSecond, share } from './queries.ts';
import { RELEASE_AGE, SERVING_STATES } from './shared-queries.ts';
import { MODEL } from './variables.ts';

const DAY = '24h';
const RUNNING = { 0: { text: 'no', color: 'text' }, 1: { text: 'yes', color: 'blue' } };

/** Mean absolute error of the forecasts that one forecaster served, and of what the others said of the same minutes. */
const loadError = (served: string, window: string): string =>
  `${grown(`liminal_predictor_load_error_requests_total{served="${served}"}`, window, 'forecaster')} / on () group_left () (${grown(`liminal_predictor_load_forecasts_total{served="${served}"}`, window)} > 0)`;

export const models = () =>
  dashboard('models', {
    description: 'What serves since when, how it came there, what is trained, and how good the forecasts are.',
    variables: [MODEL],
    rows: [
      row('Serving', [
        stat('Serving release', {
          description:
            'Trained on this platform, or the factory release, which has only seen simulated traffic and never makes a critical.',
          unit: 'short',
          queries: {
            '{{instance}}': 'liminal_predictor_release_provisional_ratio',
          },
          states: SERVING_STATES,
          limits: above(1),
          links: [runbook('LiminalReleaseProvisional'), next('drift')],
          whenEmpty: 'none',
        }),
        stat('Trained', {
          description: 'Time since the serving release was trained.',
          unit: 's',
          decimals: 0,
          queries: { Trained: RELEASE_AGE },
          limits: above(8 * 86_400, 14 * 86_400),
          links: [runbook('LiminalReleaseOld'), next('drift')],
          whenEmpty: 'none',
        }),
        stat('In production', {
          description: 'Time since the serving release was promoted, or since a rollback brought it back.',
          unit: 's',
          decimals: 0,
          queries: { 'In production': 'time() - max(liminal_retrainer_production_since_timestamp_seconds)' },
          limits: NO_LIMIT,
          links: [next('drift')],
          whenEmpty: 'none',
        }),
        stat('Release to load', {
          description:
            'Whether the release that should serve, or the shadow, is refused by a predictor (signature, hash or form do not fit) or failed to load (the store does not answer). The one before goes on serving.',
          unit: 'short',
          queries: { '{{result}}': 'max by (result) (liminal_predictor_release_blocked_ratio)' },
          states: { 0: { text: 'none', color: 'green' }, 1: { text: 'yes', color: 'red' } },
          limits: above(1),
          links: [runbook('LiminalReleaseRefused'), next('overview')],
        }),
        stat('Rollbacks, 7 d', {
          description: 'Promoted releases that were taken back, by their watch or by a person.',
          unit: 'short',
          decimals: 0,
          queries: { rollbacks: orZero(grown('liminal_retrainer_rollout_steps_total{step="rolled-back"}', '7d')) },
          limits: above(1, 2),
          links: [runbook('LiminalRolledBack'), runbook('LiminalRollbackStuck'), next('drift')],
        }),
        stat('Training rows', {
          description: 'Rows in the archive, from which the next release is trained.',
          unit: 'short',
          queries: { rows: 'max(liminal_kenning_archive_rows)' },
          limits: below(500),
          links: [next('pipeline')],
        }),
      ]),
      row(
        'Rollouts',
        [
          table('Serving, by id', {
            description:
              'The release that each predictor serves: releases/<id>/ in the model store, and GET /releases of kenning. More than one for longer than a poll: a predictor does not get the new one.',
            unit: 'short',
            queries: { release: 'count by (release) (liminal_predictor_release_info)' },
            columns: { release: 'release' },
            limits: NO_LIMIT,
            links: [next('drift')],
            whenEmpty: 'none',
            width: 6,
          }),
          timeline('On its way', {
            description:
              'Whether a release is being trained, gated, shadowed, promoted or watched, and whether one scores in the shadow of the one that serves.',
            unit: 'short',
            queries: {
              rollout: 'max(liminal_retrainer_rollout_running_ratio)',
              shadow: 'max(liminal_predictor_shadow_active_ratio)',
            },
            states: RUNNING,
            limits: NO_LIMIT,
            links: [runbook('LiminalRolloutStuck'), next('drift')],
          }),
          graph('Steps of rollouts', {
            description:
              'Phases that began and what came of them, within the window. The way is training, gating, shadowing, promoting, watching, clearing, promoted.',
            unit: 'short',
            queries: { '{{step}}': grown('liminal_retrainer_rollout_steps_total', '5m', 'step') },
            limits: NO_LIMIT,
            links: [runbook('LiminalRetrainingRefused'), next('drift')],
          }),
          graph('Age of the release', {
            description:
              'Time since the serving release was trained. At the limit the auto-retrainer trains anew; a line that goes far beyond it means that trainings fail or are refused.',
            unit: 's',
            min: 0,
            queries: { age: RELEASE_AGE, limit: 'max(liminal_retrainer_release_max_age_seconds)' },
            limits: NO_LIMIT,
            links: [runbook('LiminalReleaseOld'), next('drift')],
          }),
          graph('Loads of releases', {
            description: 'Releases that the predictors loaded or refused, within the window.',
            unit: 'short',
            queries: { '{{result}}': grown('liminal_predictor_release_loads_total', '5m', 'result') },
            limits: NO_LIMIT,
            links: [runbook('LiminalReleaseRefused'), next('pipeline')],
          }),
          graph('Shadow: vectors per second', {
            description: 'Vectors that a shadow release scored too. Only while there is one.',
            unit: 'ops',
            queries: { vectors: perSecond('liminal_predictor_shadow_vectors_total') },
            limits: NO_LIMIT,
            links: [next('pipeline')],
          }),
          graph('Shadow: alarms and disagreement', {
            description:
              'Share of these vectors on which the shadow release alarmed, on which the one that serves did, and on which just one of them did. High disagreement: the new release judges otherwise, for better or worse.',
            unit: 'percentunit',
            min: 0,
            queries: {
              'alarms of the shadow': share(
                grown('liminal_predictor_shadow_alarms_total{release="shadow"}', '15m'),
                grown('liminal_predictor_shadow_vectors_total', '15m'),
              ),
              'alarms of what serves': share(
                grown('liminal_predictor_shadow_alarms_total{release="production"}', '15m'),
                grown('liminal_predictor_shadow_vectors_total', '15m'),
              ),
              disagreement: share(
                grown('liminal_predictor_shadow_disagreements_total', '15m'),
                grown('liminal_predictor_shadow_vectors_total', '15m'),
              ),
            },
            limits: above(0.05, 0.2),
            links: [next('anomalies')],
            whenEmpty: 'no shadow release',
          }),
          graph('Vectors scored by each model, per second', {
            description:
              'The LSTM is left out while a user has not been known for 33 whole minutes; any other model that stands still is missing in the release.',
            unit: 'ops',
            queries: { '{{model}}': perSecond('liminal_predictor_model_vectors_total{model=~"$model"}', 'model') },
            limits: NO_LIMIT,
            links: [next('anomalies')],
          }),
        ],
        3,
      ),
      row(
        'Trainings (kenning)',
        [
          graph('Trainings that ended', {
            description: 'By reason and result, in the hour before. A failed one leaves the serving release as it is.',
            unit: 'short',
            queries: { '{{reason}}: {{result}}': grown('liminal_kenning_trainings_total', '1h', ['reason', 'result']) },
            limits: NO_LIMIT,
            links: [runbook('LiminalRetrainingFailing'), next('drift')],
          }),
          graph('Jobs of the queue that ended', {
            description: 'By kind and result, in the hour before: trainings, searches for better options.',
            unit: 'short',
            queries: { '{{kind}}: {{result}}': grown('liminal_kenning_training_jobs_total', '1h', ['kind', 'result']) },
            limits: NO_LIMIT,
            links: [runbook('LiminalRetrainingFailing'), next('drift')],
          }),
          graph('Time of trainings and jobs', {
            description:
              'Mean, of those that ended in the hour before: a training to its published release, and each kind of job to its result.',
            unit: 's',
            queries: {
              training: mean('liminal_kenning_training_duration_seconds', '1h'),
              '{{kind}}': mean('liminal_kenning_training_job_duration_seconds', '1h', 'kind'),
            },
            limits: above(600, 1800),
            links: [next('infrastructure')],
            whenEmpty: 'none ended',
          }),
          graph('Rows to train from', {
            description:
              'Rows in the archive, the rows that the auto-retrainer counts, and the users they come from (counted up to 1000).',
            unit: 'short',
            queries: {
              archive: 'max(liminal_kenning_archive_rows)',
              rows: 'max(liminal_retrainer_training_rows)',
              users: 'max(liminal_retrainer_training_users)',
            },
            limits: NO_LIMIT,
            links: [next('pipeline')],
            logarithmic: true,
          }),
        ],
        4,
      ),
      row('Load forecasts', [
        bars('Error of what the LSTM forecast, 24 h', {
          description:
            'Mean absolute error in requests a minute, where the LSTM served the forecast, and of what persistence and a moving average say of the same minutes. The LSTM should be the lowest.',
          unit: 'suffix: req',
          decimals: 2,
          min: 0,
          queries: { '{{forecaster}}': loadError('lstm', DAY) },
          limits: NO_LIMIT,
          links: [next('anomalies')],
          whenEmpty: 'none checked',
        }),
        bars('Error of what the moving average forecast, 24 h', {
          description: 'The same where the moving average served: users known for less than 33 minutes.',
          unit: 'suffix: req',
          decimals: 2,
          min: 0,
          queries: { '{{forecaster}}': loadError('ewma', DAY) },
          limits: NO_LIMIT,
          links: [next('anomalies')],
          whenEmpty: 'none checked',
        }),
        graph('Forecasts inside their 90% interval', {
          description:
            'Share of the checked forecasts, over an hour. Nine of ten is right; far less means that the LSTM does not know this traffic.',
          unit: 'percentunit',
          min: 0,
          max: 1,
          queries: {
            inside: share(
              grown('liminal_predictor_load_intervals_total{result="inside"}', '1h'),
              grown('liminal_predictor_load_intervals_total', '1h'),
            ),
          },
          limits: below(0.85, 0.7),
          links: [next('drift')],
          whenEmpty: 'none checked',
        }),
      ]),
    ],
  });

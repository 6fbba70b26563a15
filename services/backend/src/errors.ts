import { defineErrors, type ErrorCatalogue } from '@liminal/shared/runtime/errors';

export const ERRORS = {
  LIMINAL_ERR_EVENT_INVALID: {
    status: 400,
    message: 'Event {index} was refused, and with it the whole call: {reason} (field "{path}")',
    remedy:
      'Correct the event that `details.index` and `details.path` name, or leave it out, and send the whole call again.',
  },
  LIMINAL_ERR_EVENTS_UNREADABLE: {
    status: 400,
    message: 'The body can not be read, so nothing was stored: {reason}',
    remedy: 'Send valid JSON in UTF-8: one object or an array, or NDJSON with its content type.',
  },
  LIMINAL_ERR_EVENTS_TOO_MANY: {
    status: 413,
    message: 'A call may carry {limit} events and this one carries more, so nothing was stored: send smaller calls',
    remedy: 'Split the call and send the parts one after the other.',
  },
  LIMINAL_ERR_EVENTS_BACKPRESSURE: {
    status: 503,
    message:
      'Events come in faster than they are folded: with this call {waiting} events of partition {partition} would wait and {limit} may, so nothing was stored; send the call again in {retryAfterSeconds} s',
    remedy:
      'Send the same call again after `Retry-After`. If it stays so, see whether a feature-extractor holds the partition (`GET /ml/metrics`), and add replicas or raise `EVENTS_HIGH_WATER`.',
  },
  LIMINAL_ERR_USER_UNKNOWN: {
    status: 404,
    message: 'Nothing is known of user {user}: no event of this user has come in lately',
    remedy:
      'Look at how the name is written (it goes into the path URL-encoded); users without events for `STATE_TTL_SECONDS` are forgotten.',
  },
  LIMINAL_ERR_ANOMALY_UNKNOWN: {
    status: 404,
    message: 'There is no anomaly {anomaly}, or it is no longer kept',
    remedy:
      'Take `id` from `GET /ml/anomalies`. The newest 100,000 anomalies are kept, and those that somebody has judged while they were.',
  },
  LIMINAL_ERR_INCIDENT_UNKNOWN: {
    status: 404,
    message: 'There is no incident {incident}, or it is no longer kept',
    remedy:
      'Take `id` from `GET /ml/incidents`. An incident is kept for 14 days after its last anomaly or verdict, and of all the newest 20,000.',
  },
  LIMINAL_ERR_STREAM_FULL: {
    status: 503,
    message:
      'There are {limit} live streams of anomalies already, and no more are taken; try again in {retryAfterSeconds} s',
    remedy:
      'Close streams that nobody looks at, ask `GET /ml/anomalies` now and then instead, or raise `ANOMALY_STREAM_CLIENTS` or add replicas of the backend.',
  },
  LIMINAL_ERR_SERIES_UNKNOWN: {
    status: 404,
    message: 'The platform has no series {series}',
    remedy:
      'Look at how the name is written (it goes into the path URL-encoded); `GET /ml/series` lists them. A group with little traffic has no series of its own.',
  },
  LIMINAL_ERR_ANALYSIS_NONE: {
    status: 404,
    message: 'Nobody has asked for an analysis of anomaly {anomaly}: POST /ml/anomalies/{anomaly}/analysis does',
    remedy:
      'Ask for it. Only critical anomalies are analysed of their own accord, and results are kept for `ANALYSIS_KEEP_DAYS`.',
  },
  LIMINAL_ERR_ANALYSIS_WATCHERS: {
    status: 503,
    message: '{limit} clients watch analyses already; try again in {retryAfterSeconds} s, or ask with ?wait',
    remedy:
      'Close streams that nobody looks at, or ask for the result with `GET …/analysis` or `POST …/analysis?wait=30`.',
  },
} satisfies ErrorCatalogue;

export const errors = defineErrors(ERRORS);

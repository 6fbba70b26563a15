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
  LIMINAL_ERR_ANOMALY_OF_SERIES: {
    status: 422,
    message: 'Anomaly {anomaly} is of a series of the platform, and rules are about users',
    remedy: 'Ask for the pattern of an anomaly of a user.',
  },
  LIMINAL_ERR_VERDICT_EXPIRY: {
    status: 400,
    message: '`expiresAt` can not be used: {because}; it may lie up to {days} days ahead',
    remedy: 'Say until when the anomaly is expected; judge it again when it goes on for longer.',
  },
  LIMINAL_ERR_SUPPRESSION_UNKNOWN: {
    status: 404,
    message: 'There is no suppression rule {rule}',
    remedy:
      'Take `id` from `GET /ml/suppressions`. Of the rules that are over the newest 1,000 are kept, in the audit log all.',
  },
  LIMINAL_ERR_SUPPRESSION_EXPIRY: {
    status: 400,
    message: '`expiresAt` can not be used: {because}; such a rule may hold for up to {days} days',
    remedy:
      'Set `expiresAt` within `details.days` days. A rule that names a user and no feature holds back everything of that user, and may hold for 7 days at most.',
  },
  LIMINAL_ERR_SUPPRESSION_TOO_BROAD: {
    status: 422,
    message: 'The rule would hold back too much: {because}',
    remedy:
      'Name the user, or narrow the ranges of features; `POST /ml/suppressions/preview` tells what a rule would have held back, and `GET /ml/anomalies/:id/pattern` gives the ranges of one anomaly.',
  },
  LIMINAL_ERR_SUPPRESSION_CONFIRMED: {
    status: 409,
    message: 'The rule would have held back {count} anomalies that were confirmed, such as {anomaly}',
    remedy: 'Narrow the rule until it leaves them alone, or judge them anew if they were no right alarms.',
  },
  LIMINAL_ERR_SUPPRESSION_TOO_MANY: {
    status: 409,
    message: 'There are {limit} suppression rules in force, and there may be no more',
    remedy: 'Take back rules that hold nothing back any more: `GET /ml/suppressions` tells the hits of each.',
  },
  LIMINAL_ERR_SUPPRESSION_OVER: {
    status: 409,
    message: 'Suppression rule {rule} is over and can not be changed',
    remedy: 'Write a new one.',
  },
  LIMINAL_ERR_FEEDBACK_BUSY: {
    status: 503,
    message:
      'Others change verdicts and rules all the time, so nothing was changed; try again in {retryAfterSeconds} s',
    remedy: 'Send the same call again after `Retry-After`.',
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

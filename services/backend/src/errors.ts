import { defineErrors, type ErrorCatalogue } from '@liminal/shared/runtime/errors';

export const ERRORS = {
  LIMINAL_ERR_EVENT_INVALID: {
    status: 400,
    message: 'Event {index} was refused, and with it the whole call: {reason} (field "{path}")',
  },
  LIMINAL_ERR_EVENTS_UNREADABLE: {
    status: 400,
    message: 'The body can not be read, so nothing was stored: {reason}',
  },
  LIMINAL_ERR_EVENTS_TOO_MANY: {
    status: 413,
    message: 'A call may carry {limit} events and this one carries more, so nothing was stored: send smaller calls',
  },
  LIMINAL_ERR_EVENTS_BACKPRESSURE: {
    status: 503,
    message:
      'Events come in faster than they are folded: with this call {waiting} events of partition {partition} would wait and {limit} may, so nothing was stored; send the call again in {retryAfterSeconds} s',
  },
  LIMINAL_ERR_USER_UNKNOWN: {
    status: 404,
    message: 'Nothing is known of user {user}: no event of this user has come in lately',
  },
} satisfies ErrorCatalogue;

export const errors = defineErrors(ERRORS);

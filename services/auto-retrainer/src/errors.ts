import { defineErrors, type ErrorCatalogue } from '@liminal/shared/runtime/errors';

export const ERRORS = {
  LIMINAL_ERR_ROLLBACK_NOWHERE: {
    status: 409,
    message: 'There is nothing to go back to: {reason}',
    remedy: 'Name a release that served before: `GET /history` lists them.',
  },
  LIMINAL_ERR_RETRAINER_STORE_AWAY: {
    status: 503,
    message: 'The model store does not answer ({reason}); try again in {retryAfterSeconds} s',
    remedy:
      'Try again after `Retry-After`. If it stays so, look at the object store and at `MODEL_STORE_URL` and its keys.',
  },
} satisfies ErrorCatalogue;

export const errors = defineErrors(ERRORS);

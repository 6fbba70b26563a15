import { defineErrors, type ErrorCatalogue } from '@liminal/shared/runtime/errors';

export const ERRORS = {
  LIMINAL_ERR_PREDICTION_UNKNOWN_USER: {
    status: 404,
    message: 'Nothing is known of user {user}: no event of this user has come in lately',
    remedy:
      'Look at how the name is written (it goes into the path URL-encoded); predictions are kept for `PREDICTION_TTL_SECONDS`.',
  },
  LIMINAL_ERR_PREDICTION_NO_RELEASE: {
    status: 503,
    message: 'No release to predict with yet: {waitingFor}',
    remedy:
      'Try again after `Retry-After`. If it stays so, `GET /ready` of predictor and kenning name what is missing.',
  },
} satisfies ErrorCatalogue;

export const errors = defineErrors(ERRORS);

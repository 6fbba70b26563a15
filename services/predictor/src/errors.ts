import { defineErrors, type ErrorCatalogue } from '@liminal/shared/runtime/errors';

export const ERRORS = {
  LIMINAL_ERR_PREDICTION_UNKNOWN_USER: {
    status: 404,
    message: 'Nothing is known of user {user}: no event of this user has come in lately',
  },
  LIMINAL_ERR_PREDICTION_NO_RELEASE: {
    status: 503,
    message: 'No release to predict with yet: {waitingFor}',
  },
} satisfies ErrorCatalogue;

export const errors = defineErrors(ERRORS);

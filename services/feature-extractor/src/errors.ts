import { defineErrors, type ErrorCatalogue } from '@liminal/shared/runtime/errors';

export const ERRORS = {
  LIMINAL_ERR_FEATURES_UNKNOWN_USER: {
    status: 404,
    message: 'No features of user {user}: no event of this user has come in lately',
    remedy:
      'Look at how the name is written (it goes into the path URL-encoded); users without events for `STATE_TTL_SECONDS` are forgotten.',
  },
} satisfies ErrorCatalogue;

export const errors = defineErrors(ERRORS);

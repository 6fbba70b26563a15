import { defineErrors, type ErrorCatalogue } from '@liminal/shared/runtime/errors';

export const ERRORS = {
  LIMINAL_ERR_FEATURES_UNKNOWN_USER: {
    status: 404,
    message: 'No features of user {user}: no event of this user has come in lately',
  },
} satisfies ErrorCatalogue;

export const errors = defineErrors(ERRORS);

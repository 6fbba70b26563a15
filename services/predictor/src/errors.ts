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
  LIMINAL_ERR_EXPLANATION_TOO_MANY: {
    status: 413,
    message: 'A call may bring {limit} vectors to explain and this one brings {vectors}, so none was explained',
    remedy: 'Send several calls of at most `details.limit` vectors, one after the other.',
  },
  LIMINAL_ERR_EXPLANATION_NOT_FINITE: {
    status: 400,
    message: '{path} is too large to be a float32, which the models take',
    remedy: 'Send a number between −3.4e38 and 3.4e38, or null where nothing was observed.',
  },
  LIMINAL_ERR_EXPLANATION_MODEL: {
    status: 400,
    message: 'Model {model} of release {release} can not be explained by features; these can: {models}',
    remedy:
      'Choose one of `details.models`. A release may lack a model, and the LSTM looks at the load history and not at features.',
  },
  LIMINAL_ERR_EXPLANATION_QUANTITY: {
    status: 400,
    message: '{quantity} is not defined for {model}; explain one of {allowed}',
    remedy: 'Choose one of `details.allowed`, or leave `quantity` out.',
  },
  LIMINAL_ERR_EXPLANATION_PERTURBATION: {
    status: 400,
    message: 'path-dependent values exist for log2_score of isolation-forest, not for {quantity} of {model}',
    remedy: 'Leave `perturbation` out, or ask for `model: isolation-forest` with `quantity: log2_score`.',
  },
  LIMINAL_ERR_EXPLANATION_NOT_APPLICABLE: {
    status: 422,
    message: 'Model {model} does not apply to this vector: it wants all of its values to have been observed',
    remedy: 'Explain `combined`, which leaves such a model out.',
  },
  LIMINAL_ERR_EXPLANATION_NO_NODE_COUNTS: {
    status: 422,
    message: 'The forest of this release does not say how many training rows came through its nodes',
    remedy: 'Leave `perturbation` out, or wait for the next release: such a forest was trained by an older version.',
  },
  LIMINAL_ERR_EXPLANATION_BUSY: {
    status: 503,
    message:
      '{waiting} vectors wait for their explanation, so this one was not taken; try again in {retryAfterSeconds} s',
    remedy: 'Send the same call again after `Retry-After`. If it stays so, ask for fewer explanations at once.',
  },
  LIMINAL_ERR_EXPLANATION_LOST: {
    status: 503,
    message: 'The thread that explains ended and is being replaced; try again in {retryAfterSeconds} s',
    remedy: 'Send the same call again after `Retry-After`. The log of the predictor has the cause.',
  },
} satisfies ErrorCatalogue;

export const errors = defineErrors(ERRORS);

import { defineErrors, type ErrorCatalogue } from '@liminal/shared/runtime/errors';

export const ERRORS = {
  LIMINAL_ERR_JOB_UNKNOWN: { status: 404, message: 'There is no job {job}: it never was, or ended long ago' },
  LIMINAL_ERR_JOB_ENDED: { status: 409, message: 'Job {job} has ended already: it is {state}' },
  LIMINAL_ERR_JOB_ELSEWHERE: {
    status: 409,
    message: 'Job {job} runs in another instance of kenning, or in one that was lost: cancel it there',
  },
  LIMINAL_ERR_MODEL_UNKNOWN: {
    status: 404,
    message: 'There is no version {version} of {model}; GET /models lists them',
  },
  LIMINAL_ERR_RELEASE_UNKNOWN: { status: 404, message: 'There is no release {release}; GET /releases lists them' },
  LIMINAL_ERR_RELEASE_WITHOUT_MODEL: {
    status: 400,
    message: 'Release {release} holds no model {model}; GET /releases/{release} lists what it holds',
  },
  LIMINAL_ERR_REPORT_UNKNOWN: { status: 404, message: 'There is no report {report}; GET /reports lists them' },
  LIMINAL_ERR_RELEASE_NONE: {
    status: 503,
    message: 'No release serves yet: the factory release is being trained; try again in {retryAfterSeconds} s',
  },
  LIMINAL_ERR_STORE_AWAY: {
    status: 503,
    message: 'The model store does not answer ({reason}); try again in {retryAfterSeconds} s',
  },
} satisfies ErrorCatalogue;

export const errors = defineErrors(ERRORS);

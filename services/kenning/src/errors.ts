import { defineErrors, type ErrorCatalogue } from '@liminal/shared/runtime/errors';

export const ERRORS = {
  LIMINAL_ERR_JOB_UNKNOWN: {
    status: 404,
    message: 'There is no job {job}: it never was, or ended long ago',
    remedy: 'Use the `job` that `POST /pipelines/…` gave; the last 100 ended jobs are kept.',
  },
  LIMINAL_ERR_JOB_ENDED: {
    status: 409,
    message: 'Job {job} has ended already: it is {state}',
    remedy: 'Nothing to cancel: read its result with `GET /jobs/:id`.',
  },
  LIMINAL_ERR_JOB_ELSEWHERE: {
    status: 409,
    message: 'Job {job} runs in another instance of kenning, or in one that was lost: cancel it there',
    remedy: 'Send the call to the instance that runs the job; a job of a lost instance is taken up again by itself.',
  },
  LIMINAL_ERR_MODEL_UNKNOWN: {
    status: 404,
    message: 'There is no version {version} of {model}; GET /models lists them',
    remedy: 'Take model and version from `GET /models`.',
  },
  LIMINAL_ERR_RELEASE_UNKNOWN: {
    status: 404,
    message: 'There is no release {release}; GET /releases lists them',
    remedy: 'Take the release from `GET /releases`.',
  },
  LIMINAL_ERR_RELEASE_NOT_JUDGED: {
    status: 404,
    message: 'Release {release} was not judged against another one',
    remedy:
      'Only releases that the auto-retrainer lets take the place of another are judged; `GET /history` of the auto-retrainer tells how each came to serve.',
  },
  LIMINAL_ERR_RELEASE_WITHOUT_MODEL: {
    status: 400,
    message: 'Release {release} holds no model {model}; GET /releases/{release} lists what it holds',
    remedy: 'Name a model that the release holds.',
  },
  LIMINAL_ERR_MODEL_WITHOUT_VARIANTS: {
    status: 400,
    message: 'No variants are made of {model}: they are compared on features, and it takes load histories',
    remedy: 'Leave it out of `models`.',
  },
  LIMINAL_ERR_REPORT_UNKNOWN: {
    status: 404,
    message: 'There is no report {report}; GET /reports lists them',
    remedy: 'Take the report from `GET /reports`.',
  },
  LIMINAL_ERR_RELEASE_NONE: {
    status: 503,
    message: 'No release serves yet: the factory release is being trained; try again in {retryAfterSeconds} s',
    remedy: 'Try again after `Retry-After`. If it stays so, `GET /ready` of kenning names what is missing.',
  },
  LIMINAL_ERR_STORE_AWAY: {
    status: 503,
    message: 'The model store does not answer ({reason}); try again in {retryAfterSeconds} s',
    remedy:
      'Try again after `Retry-After`. If it stays so, look at the object store and at `MODEL_STORE_URL` and its keys.',
  },
} satisfies ErrorCatalogue;

export const errors = defineErrors(ERRORS);

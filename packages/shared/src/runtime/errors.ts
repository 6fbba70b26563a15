import { STATUS_CODES } from 'node:http';

/** How an error code answers over HTTP. `message` may hold `{name}`s, filled from the fields it is thrown with. */
export interface ErrorDefinition {
  status: number;
  message: string;
  /** What its reader can do, for docs/errors.md: one sentence or two. */
  remedy: string;
}

export type ErrorCatalogue = Record<`LIMINAL_ERR_${string}`, ErrorDefinition>;

export interface ErrorFields {
  [field: string]: unknown;
}

/** An error that its reader can act on: a code that never changes, and a message in plain words. */
export class LiminalError extends Error {
  override readonly name = 'LiminalError';
  readonly code: string;
  readonly status: number;
  /** Facts beside the message, for programs. */
  readonly details: ErrorFields;
  /** Seconds after which the same call may work. */
  readonly retryAfterSeconds: number | undefined;

  constructor(
    code: string,
    definition: Pick<ErrorDefinition, 'status' | 'message'>,
    fields: ErrorFields = {},
    options: ErrorOptions = {},
  ) {
    super(fill(definition.message, fields), options);
    const { retryAfterSeconds, ...details } = fields;
    this.code = code;
    this.status = definition.status;
    this.details = details;
    this.retryAfterSeconds = typeof retryAfterSeconds === 'number' ? retryAfterSeconds : undefined;
  }
}

/**
 * Turns a catalogue into a function that makes its errors:
 * `throw errors('LIMINAL_ERR_USER_UNKNOWN', { user })`.
 */
export function defineErrors<Catalogue extends ErrorCatalogue>(catalogue: Catalogue) {
  return (code: keyof Catalogue & string, fields?: ErrorFields, options?: ErrorOptions): LiminalError =>
    new LiminalError(code, catalogue[code as keyof ErrorCatalogue]!, fields, options);
}

/** The one error format of all services. */
export interface ErrorBody {
  error: { code: string; message: string; requestId: string; details?: ErrorFields };
}

/** Errors that any service can answer with. */
export const HTTP_ERRORS = {
  LIMINAL_ERR_HTTP_INVALID: {
    status: 400,
    message: 'The request is not valid: {reason}',
    remedy: 'Correct the field that `details.path` names; `/docs` has the schema.',
  },
  LIMINAL_ERR_HTTP_NOT_FOUND: {
    status: 404,
    message: 'There is no {method} {path}; see /docs for what there is',
    remedy: 'Look at method, path and port: each service answers its own paths only.',
  },
  LIMINAL_ERR_HTTP_REFUSED: {
    status: 400,
    message: 'The request was refused: {reason}',
    remedy:
      'Correct what the reason names: content type, length or form of the body. The status is the one that fits, such as 413 or 415.',
  },
  LIMINAL_ERR_HTTP_INTERNAL: {
    status: 500,
    message: 'Something went wrong inside; the log has the request id and the cause',
    remedy: 'Look for `requestId` in the log of the service: the cause stands there. It is a defect; please report it.',
  },
  LIMINAL_ERR_REDIS_AWAY: {
    status: 503,
    message: 'Redis does not answer; try again in {retryAfterSeconds} s',
    remedy:
      'Send the same request again after `Retry-After`. A Redis that was only slow may have stored it all the same: events with an `id` count once however often they are sent. If it stays so, look at Redis: does it run, is `REDIS_URL` right, is its memory or disk full?',
  },
} satisfies ErrorCatalogue;

export const httpErrors = defineErrors(HTTP_ERRORS);

export function statusText(status: number): string {
  return STATUS_CODES[status] ?? 'Error';
}

function fill(template: string, fields: ErrorFields): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) => String(fields[name] ?? `{${name}}`));
}

import { z } from 'zod';

const ANSWER_WITHIN_MS = 10_000;
const ERROR_SHOWN = 300;

/** An address of the suite that gave no usable answer. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** Whether the same question may get an answer later. */
  readonly mayPass: boolean;

  constructor(message: string, { mayPass, cause }: { mayPass: boolean; cause?: unknown }) {
    super(message, { cause });
    this.mayPass = mayPass;
  }
}

/**
 * Asks a service and checks the form of its answer.
 *
 * @param body sent as JSON by POST; without one it is a GET
 * @throws ApiError with the address and what was wrong
 */
export async function ask<Schema extends z.ZodType>(
  url: string,
  schema: Schema,
  body?: unknown,
): Promise<z.infer<Schema>> {
  let response: Response;
  try {
    response = await fetch(url, {
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
      ...(body !== undefined && {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    });
  } catch (cause) {
    throw new ApiError(`${url} does not answer`, { mayPass: true, cause });
  }
  const text = await response.text();
  if (!response.ok) {
    throw new ApiError(`${url} answered ${response.status}: ${text.slice(0, ERROR_SHOWN)}`, {
      mayPass: response.status >= 500,
    });
  }
  const parsed = schema.safeParse(JSON.parse(text));
  if (parsed.success) return parsed.data;
  throw new ApiError(`${url} answered in another form: ${z.prettifyError(parsed.error)}`, { mayPass: false });
}

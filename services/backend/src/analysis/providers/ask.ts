import type { LanguageModel } from 'ai';
import type { Prompt } from '../prompt.ts';
import { askedVerdictSchema, type Verdict, verdictSchema } from '../verdict.ts';

/** Why a provider gave no verdict. `refused`: it does not take the call, as with a wrong key; trying again is no use. */
export const CALL_FAILURES = ['timeout', 'garbage', 'refused', 'unavailable'] as const;
export type CallFailure = (typeof CALL_FAILURES)[number];

export interface Tokens {
  input: number;
  output: number;
}

export interface AskOptions {
  model: LanguageModel;
  maxOutputTokens: number;
  /** Of the whole call with its retries. */
  timeoutMs: number;
  retries: number;
  signal: AbortSignal;
}

/** `tokens`: what the provider says; undefined where nothing came back that could say it. */
export class CallFailedError extends Error {
  override readonly name = 'CallFailedError';
  readonly reason: CallFailure;
  readonly tokens: Tokens | undefined;

  constructor(reason: CallFailure, message: string, tokens?: Tokens, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
    this.tokens = tokens;
  }
}

/** One verdict of one provider, of the schema, whatever it answers. Throws `CallFailedError`. */
export async function ask(
  { instructions, prompt }: Prompt,
  options: AskOptions,
): Promise<{ verdict: Verdict; tokens: Tokens }> {
  const { model, maxOutputTokens, timeoutMs, retries, signal } = options;
  const { APICallError, generateText, NoObjectGeneratedError, NoOutputGeneratedError, Output, RetryError } =
    await import('ai');
  const timeout = AbortSignal.timeout(timeoutMs);
  try {
    const { output, usage } = await generateText({
      model,
      instructions,
      prompt,
      output: Output.object({ schema: askedVerdictSchema, name: 'verdict' }),
      maxOutputTokens,
      maxRetries: retries,
      // OpenAI keeps what it is sent for a month unless told not to; the others do not know the option.
      providerOptions: { openai: { store: false } },
      abortSignal: AbortSignal.any([timeout, signal]),
    });
    const tokens = toTokens(usage);
    const parsed = verdictSchema.safeParse(output);
    if (parsed.success) return { verdict: parsed.data, tokens };
    throw new CallFailedError('garbage', `answered out of bounds: ${parsed.error.issues[0]?.message}`, tokens);
  } catch (error) {
    if (error instanceof CallFailedError) throw error;
    if (signal.aborted) throw signal.reason;
    if (timeout.aborted)
      throw new CallFailedError('timeout', `no answer within ${timeoutMs} ms`, undefined, { cause: error });
    if (NoObjectGeneratedError.isInstance(error)) {
      const tokens = error.usage && toTokens(error.usage);
      throw new CallFailedError('garbage', 'answered what is no verdict', tokens, { cause: error });
    }
    if (NoOutputGeneratedError.isInstance(error)) {
      throw new CallFailedError('garbage', 'answered nothing', undefined, { cause: error });
    }
    const cause = RetryError.isInstance(error) ? error.lastError : error;
    if (APICallError.isInstance(cause)) throw ofStatus(cause);
    throw new CallFailedError('unavailable', messageOf(cause), undefined, { cause: error });
  }
}

/** An answer that the SDK could not read has a good status: what came was of another form than the interface's. */
function ofStatus(error: Error & { statusCode?: number | undefined; isRetryable: boolean }): CallFailedError {
  const { statusCode, isRetryable, message } = error;
  const cause = { cause: error };
  if (statusCode !== undefined && statusCode < 400)
    return new CallFailedError('garbage', 'answered in another form', undefined, cause);
  if (statusCode === undefined || isRetryable) return new CallFailedError('unavailable', message, undefined, cause);
  return new CallFailedError('refused', `status ${statusCode}: ${message}`, undefined, cause);
}

/** What is not said counts as nothing: the caller keeps what it has reserved where all is. */
function toTokens({
  inputTokens,
  outputTokens,
}: {
  inputTokens: number | undefined;
  outputTokens: number | undefined;
}): Tokens {
  return { input: inputTokens ?? 0, output: outputTokens ?? 0 };
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

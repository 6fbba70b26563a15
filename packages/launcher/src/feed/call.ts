import { z } from 'zod';

/** A call without an answer for so long counts as unreachable. */
const CALL_TIMEOUT_MS = 30_000;
/** Longer waits than this are not asked for by a receiver in its right mind. */
const LONGEST_RETRY_AFTER_MS = 60_000;

/** What came of one `POST /events`. */
export type CallResult =
  | { outcome: 'taken'; accepted: number; duplicates: number }
  /** One event is to blame and nothing was stored. */
  | { outcome: 'refused'; index: number; reason: string }
  /** Nothing was stored, or nobody knows: the same call may work later. */
  | { outcome: 'later'; problem: string; retryAfterMs: number | undefined }
  /** The same call will never work. */
  | { outcome: 'failed'; problem: string };

const takenSchema = z.object({ accepted: z.int(), duplicates: z.int() });
const errorSchema = z.object({ error: z.object({ message: z.string(), details: z.unknown() }).partial() });
const refusedSchema = z.object({ index: z.int().min(0), path: z.string().optional(), reason: z.string().optional() });

/** Sends one body of events. `signal` cancels the call, which then counts as unreachable. Never throws for what the network or the receiver does. */
export async function postEvents(url: string, body: string, signal?: AbortSignal): Promise<CallResult> {
  const timeout = AbortSignal.timeout(CALL_TIMEOUT_MS);
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    });
    return readResponse(response.status, response.headers.get('retry-after'), parseJson(await response.text()), url);
  } catch (error) {
    return { outcome: 'later', problem: `${url} does not answer (${causeOf(error)})`, retryAfterMs: undefined };
  }
}

function readResponse(status: number, retryAfter: string | null, answer: unknown, url: string): CallResult {
  const taken = takenSchema.safeParse(answer);
  if (status >= 200 && status < 300 && taken.success) return { outcome: 'taken', ...taken.data };
  const error = errorSchema.safeParse(answer).data?.error;
  const refused = refusedSchema.safeParse(error?.details);
  if (status === 400 && refused.success) {
    const { index, path, reason = error?.message ?? 'refused' } = refused.data;
    return { outcome: 'refused', index, reason: path ? `field "${path}": ${reason}` : reason };
  }
  const problem = `${url} answers ${status}${error?.message ? `: ${error.message}` : ''}`;
  if (status === 429 || status >= 500) return { outcome: 'later', problem, retryAfterMs: retryAfterMs(retryAfter) };
  return { outcome: 'failed', problem };
}

/** Only seconds: the receiver sends no dates. */
function retryAfterMs(header: string | null): number | undefined {
  const seconds = header === null || header.trim() === '' ? Number.NaN : Number(header);
  return seconds >= 0 ? Math.min(seconds * 1000, LONGEST_RETRY_AFTER_MS) : undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** `fetch` says no more than "fetch failed"; its cause has the code. */
function causeOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (cause instanceof Error && 'code' in cause && typeof cause.code === 'string') return cause.code;
  return cause instanceof Error ? cause.message : String(cause);
}

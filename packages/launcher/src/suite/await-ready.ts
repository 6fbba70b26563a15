import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';

const readinessSchema = z.object({
  ready: z.boolean(),
  dependencies: z.record(z.string(), z.object({ ready: z.boolean(), reason: z.string().optional() })),
});

export interface AwaitReadyOptions {
  /** Base URLs by name. */
  services: Readonly<Record<string, string>>;
  timeoutMs: number;
  /** Told who still waits for what, at every look. */
  onWaiting(message: string): void;
  signal?: AbortSignal;
}

const POLL_MS = 200;
const ANSWER_WITHIN_MS = 3_000;

/** Why a service is not ready, in words; null when it is. */
async function missing(url: string): Promise<string | null> {
  let response: Response;
  try {
    response = await fetch(`${url}/ready`, { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
  } catch {
    return 'its start';
  }
  const parsed = readinessSchema.safeParse(await response.json());
  if (!parsed.success) return `an answer to GET /ready that says what is missing (it was ${response.status})`;
  if (parsed.data.ready) return null;
  return Object.entries(parsed.data.dependencies)
    .filter(([, state]) => !state.ready)
    .map(([name, state]) => (state.reason === undefined ? name : `${name}: ${state.reason}`))
    .join(', ');
}

/**
 * Waits until every service answers GET /ready with yes.
 *
 * @throws Error that names who was not ready in time, and what each was waiting for
 */
export async function awaitReady({ services, timeoutMs, onWaiting, signal }: AwaitReadyOptions): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const states = await Promise.all(
      Object.entries(services).map(async ([name, url]) => ({ name, missing: await missing(url) })),
    );
    const waiting = states.filter((state) => state.missing !== null);
    if (waiting.length === 0) return;
    const message = waiting.map((state) => `${state.name} waits for ${state.missing}`).join('; ');
    if (performance.now() > deadline) throw new Error(`not ready within ${timeoutMs / 1000} s: ${message}`);
    onWaiting(message);
    await sleep(POLL_MS, undefined, signal && { signal });
  }
}

import { setTimeout as sleep } from 'node:timers/promises';
import { type ReleaseManifest, releaseManifestSchema } from '@liminal/shared/contracts/release';
import { z } from 'zod';
import type { ServiceName } from '../suite/services.ts';
import { ApiError, ask } from './api.ts';

export type Urls = Readonly<Record<ServiceName, string>>;

const pipelineSchema = z.object({
  events: z.object({ lag: z.int() }),
  vectors: z.object({ lag: z.int() }),
  predictions: z.object({ made: z.int(), archived: z.int() }),
});
export type Pipeline = z.infer<typeof pipelineSchema>;

const releasesSchema = z.object({ production: z.string().nullable(), releases: z.array(releaseManifestSchema) });

const scoredSchema = z.object({ predictions: z.array(z.object({ release: z.string() })).min(1) });

export interface WaitOptions {
  signal: AbortSignal;
  timeoutMs: number;
}

const POLL_MS = 250;

/** How far everything is on its way. */
export const readPipeline = (urls: Urls): Promise<Pipeline> => ask(`${urls.backend}/ml/metrics`, pipelineSchema);

/** The release that serves; null before the first one. */
export async function productionRelease(urls: Urls): Promise<ReleaseManifest | null> {
  const { production, releases } = await ask(`${urls.kenning}/releases`, releasesSchema);
  return releases.find(({ id }) => id === production) ?? null;
}

/**
 * Looks again and again until `look` gives something.
 *
 * @returns null when the time is over; an answer that a restarting service owes is asked for again until then
 */
async function until<T>(look: () => Promise<T | null>, { signal, timeoutMs }: WaitOptions): Promise<T | null> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    signal.throwIfAborted();
    try {
      const found = await look();
      if (found !== null) return found;
    } catch (error) {
      if (!(error instanceof ApiError) || !error.mayPass || performance.now() > deadline) throw error;
    }
    if (performance.now() > deadline) return null;
    await sleep(POLL_MS, undefined, { signal });
  }
}

/** Waits until every accepted event is folded and every vector scored. */
export function untilScored(
  urls: Urls,
  onWaiting: (message: string) => void,
  options: WaitOptions,
): Promise<true | null> {
  return until(async () => {
    const { events, vectors } = await readPipeline(urls);
    if (events.lag === 0 && vectors.lag === 0) return true;
    onWaiting(
      `${events.lag.toLocaleString('en')} events to fold, ${vectors.lag.toLocaleString('en')} vectors to score`,
    );
    return null;
  }, options);
}

/** Waits for a release that was trained on the platform's own data, and until the predictor scores with it. */
export function untilOwnRelease(
  urls: Urls,
  onWaiting: (message: string) => void,
  options: WaitOptions,
): Promise<ReleaseManifest | null> {
  return until(async () => {
    const release = await productionRelease(urls);
    if (release === null || release.provisional) {
      const { predictions } = await readPipeline(urls);
      onWaiting(`waiting for the first release of its own: ${predictions.archived.toLocaleString('en')} rows archived`);
      return null;
    }
    onWaiting(`waiting for the predictor to load ${release.id}`);
    const scored = await ask(`${urls.predictor}/predict`, scoredSchema, { features: {} });
    return scored.predictions[0]?.release === release.id ? release : null;
  }, options);
}

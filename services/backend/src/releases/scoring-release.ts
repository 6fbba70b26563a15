import type { ModelStore } from '@liminal/shared/adapters/model-store';
import { combinationSchema, type ReleaseManifest, trainingDataSchema } from '@liminal/shared/contracts/release';
import { loadManifest } from '@liminal/shared/release/load-release';
import type { TrustedKeys } from '@liminal/shared/release/signing-key';
import type { Logger } from 'pino';
import { z } from 'zod';

/** A store that is away must not hold up everything else that is known of an anomaly. */
const ANSWER_WITHIN_MS = 2_000;
const KEPT = 16;

/** A release, as far as it says what made the scores of an anomaly. */
export const scoringReleaseSchema = z.object({
  id: z.string(),
  provisional: z.boolean().describe('The factory release, which has not seen this platform yet'),
  createdAt: z.string(),
  models: z.array(z.object({ name: z.string(), version: z.string(), metrics: z.record(z.string(), z.number()) })),
  combination: z.enum(combinationSchema.options.map(({ shape }) => shape.method.value)),
  calibrationRows: z.int(),
  trainingData: trainingDataSchema,
});
type ScoringRelease = z.infer<typeof scoringReleaseSchema>;

export interface ScoringReleasesOptions {
  store: ModelStore;
  readTrustedKeys(): Promise<TrustedKeys>;
  logger: Logger;
}

/** Looks releases up in the model store, signature checked. They never change, so the last ones are kept. */
export class ScoringReleases {
  readonly #options: ScoringReleasesOptions;
  readonly #kept = new Map<string, ScoringRelease>();

  constructor(options: ScoringReleasesOptions) {
    this.#options = options;
  }

  /** The release, or why it can't be told. */
  async read(id: string): Promise<ScoringRelease | { missing: string }> {
    const kept = this.#kept.get(id);
    if (kept !== undefined) return kept;
    const { store, readTrustedKeys, logger } = this.#options;
    try {
      const release = toScoringRelease(await inTime(readTrustedKeys().then((keys) => loadManifest(store, keys, id))));
      this.#keep(release);
      return release;
    } catch (error) {
      logger.warn({ err: error, release: id }, 'release of an anomaly can not be read');
      return { missing: error instanceof Error ? error.message : String(error) };
    }
  }

  #keep(release: ScoringRelease): void {
    this.#kept.set(release.id, release);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > KEPT) this.#kept.delete(oldest!);
  }
}

const toScoringRelease = (manifest: ReleaseManifest): ScoringRelease => ({
  id: manifest.id,
  provisional: manifest.provisional,
  createdAt: manifest.createdAt,
  models: manifest.models.map(({ name, version, metrics }) => ({ name, version, metrics })),
  combination: manifest.combination.method,
  calibrationRows: manifest.calibration.rows,
  trainingData: manifest.trainingData,
});

async function inTime<T>(work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new Error(`the model store gave no answer within ${ANSWER_WITHIN_MS} ms`)),
    ANSWER_WITHIN_MS,
  );
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}

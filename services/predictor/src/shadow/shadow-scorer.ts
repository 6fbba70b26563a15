import { LuaScript } from '@liminal/shared/adapters/lua-script';
import { shadowKey } from '@liminal/shared/contracts/keys';
import { noShadowCounts, SHADOW_FIELDS, type ShadowCounts } from '@liminal/shared/contracts/shadow-counts';
import type { OpenRelease, ScoredVector } from '@liminal/shared/release/open-release';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import type { Metrics } from '../metrics.ts';

const countScript = new LuaScript(new URL('./count-shadow.lua', import.meta.url));
const KEPT_SECONDS = 86_400;

export interface ShadowScorerOptions {
  redis: Redis;
  /** The release that scores beside the one that serves, if any. */
  shadow(): OpenRelease | undefined;
  anomalyAlertRate: number;
  metrics: Metrics;
  logger: Logger;
}

/** What production said of some vectors. */
export interface ProductionScores {
  release: string;
  scored: readonly ScoredVector[];
  elapsedMs: number;
}

interface Counted {
  shadow: string;
  production: string;
  counts: ShadowCounts;
}

/**
 * Scores what was scored already with the shadow release too, and counts where the two differ. Nothing of it gets into
 * a prediction; where it fails, that is counted and logged and no more. Counts are written after the commit: a crash
 * may lose some of them, which a judgement over thousands of vectors does not notice.
 */
export class ShadowScorer {
  readonly #options: ShadowScorerOptions;
  readonly #counted = new Map<number, Counted>();
  #lastFailure = '';

  constructor(options: ShadowScorerOptions) {
    this.#options = options;
  }

  get isActive(): boolean {
    return this.#options.shadow() !== undefined;
  }

  /** `vectors`: as production was given them. */
  async compare(partition: number, vectors: Float32Array, production: ProductionScores): Promise<void> {
    const { shadow } = this.#options;
    const release = shadow();
    if (release === undefined || release.id === production.release) return;
    const { counts } = this.#countedOf(partition, release.id, production.release);
    const rows = production.scored.length;
    const startedAt = performance.now();
    const scored = await this.#scoreOrNone(release, vectors, rows);
    const elapsedMs = performance.now() - startedAt;
    counts.vectors += rows;
    if (scored === undefined) {
      counts.failures += rows;
      return;
    }
    counts.shadowMicroseconds += Math.round(1000 * elapsedMs);
    counts.productionMicroseconds += Math.round(1000 * production.elapsedMs);
    for (const [row, { pValue }] of scored.entries()) this.#countRow(counts, pValue, production.scored[row]!.pValue);
  }

  /** Forgets what was counted since the last time: its vectors will come again. */
  drop(partition: number): void {
    this.#counted.delete(partition);
  }

  /** Writes what was counted of a partition since the last time. */
  async flush(partition: number): Promise<void> {
    const counted = this.#counted.get(partition);
    if (counted === undefined) return;
    this.#counted.delete(partition);
    const { redis, metrics, logger } = this.#options;
    const { shadow, production, counts } = counted;
    const fields = SHADOW_FIELDS.flatMap((field) => [field, counts[field]]);
    try {
      await countScript.run(redis, [shadowKey(partition)], [shadow, production, KEPT_SECONDS, ...fields]);
      metrics.shadowVectors.inc(counts.vectors - counts.failures);
      metrics.shadowAlarms.labels('shadow').inc(counts.alarms);
      metrics.shadowAlarms.labels('production').inc(counts.productionAlarms);
      metrics.shadowDisagreements.inc(counts.disagreements);
    } catch (error) {
      logger.warn({ err: error, partition }, 'counts of the shadow release were not written');
    }
  }

  #countRow(counts: ShadowCounts, shadowPValue: number, productionPValue: number): void {
    const { anomalyAlertRate } = this.#options;
    const isAlarm = shadowPValue <= anomalyAlertRate;
    const isProductionAlarm = productionPValue <= anomalyAlertRate;
    if (isAlarm) counts.alarms++;
    if (isProductionAlarm) counts.productionAlarms++;
    if (isAlarm !== isProductionAlarm) counts.disagreements++;
  }

  #countedOf(partition: number, shadow: string, production: string): Counted {
    const known = this.#counted.get(partition);
    if (known?.shadow === shadow && known.production === production) return known;
    const counted = { shadow, production, counts: noShadowCounts() };
    this.#counted.set(partition, counted);
    return counted;
  }

  async #scoreOrNone(release: OpenRelease, vectors: Float32Array, rows: number): Promise<ScoredVector[] | undefined> {
    try {
      return await release.score(vectors, rows);
    } catch (error) {
      const failure = String(error);
      if (failure !== this.#lastFailure) this.#options.logger.error({ err: error }, 'the shadow release can not score');
      this.#lastFailure = failure;
      return undefined;
    }
  }
}

import { ADDITIVITY_TOLERANCE, type ExplanationRecord, type ShapRecord } from '@liminal/shared/contracts/explanation';
import type { StoredExplanation } from '@liminal/shared/contracts/explanation-codec';
import { modelInputs } from '@liminal/shared/contracts/model-input';
import { isAnomaly, type PredictionRecord } from '@liminal/shared/contracts/prediction-batch';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { type Expected, expectationsOf } from '../explain/expectations.ts';
import { summarise } from '../explain/summary.ts';
import type { TrainingDistribution } from '../explain/training-distribution.ts';
import type { Explanations } from '../explanations/explanations.ts';
import { readHistories } from '../history/user-history.ts';
import type { Metrics } from '../metrics.ts';

/** Anomalies that may wait for their explanation at once, about 50 ms of work: more would hold up the scoring. */
const MOST_WAITING = 64;
/** Explanations that do not come by then are left out. */
const WAIT_MS = 2_000;

export interface AnomalyExplanationsOptions {
  redis: Redis;
  explanations: Explanations;
  /** Off: anomalies are explained on request only. */
  isOn: boolean;
  metrics: Metrics;
  logger: Logger;
}

/**
 * Explains anomalies on their way into the stream, one for all partitions. The work is bounded: where many come at once,
 * the most anomalous are explained, and what is left out says why. Nothing here fails a commit.
 */
export class AnomalyExplanations {
  readonly #options: AnomalyExplanationsOptions;
  #waiting = 0;

  constructor(options: AnomalyExplanationsOptions) {
    this.#options = options;
  }

  /** Of the anomalies among predictions that one release has made; users' histories as they are before these. */
  async explain(
    partition: number,
    records: readonly PredictionRecord[],
    distribution: TrainingDistribution,
  ): Promise<Map<PredictionRecord, StoredExplanation>> {
    const anomalies = records.filter(isAnomaly).sort((left, right) => left.pValue - right.pValue);
    const { isOn, metrics } = this.#options;
    const room = isOn ? Math.max(MOST_WAITING - this.#waiting, 0) : 0;
    const chosen = anomalies.slice(0, room);
    const explained = new Map<PredictionRecord, StoredExplanation>();
    for (const record of anomalies.slice(room)) explained.set(record, isOn ? 'too-many-at-once' : 'switched-off');
    this.#waiting += chosen.length;
    try {
      for (const [record, result] of await this.#explainAll(partition, chosen, distribution))
        explained.set(record, result);
    } finally {
      this.#waiting -= chosen.length;
    }
    for (const result of explained.values()) {
      metrics.anomalyExplanations.labels(typeof result === 'string' ? result : 'explained').inc();
    }
    return explained;
  }

  async #explainAll(
    partition: number,
    anomalies: readonly PredictionRecord[],
    distribution: TrainingDistribution,
  ): Promise<[PredictionRecord, StoredExplanation][]> {
    if (anomalies.length === 0) return [];
    const { redis, logger } = this.#options;
    try {
      const users = new Set(anomalies.map(({ user }) => user));
      const [shaps, histories] = await Promise.all([
        this.#shapRecords(anomalies),
        readHistories(redis, partition, users),
      ]);
      return anomalies.map((record, index) => [
        record,
        explanationOf(record, shaps[index]!, expectationsOf(distribution, histories.get(record.user)!)),
      ]);
    } catch (error) {
      logger.error({ err: error, anomalies: anomalies.length }, 'anomalies are written without explanation');
      return anomalies.map((record) => [record, 'failed']);
    }
  }

  async #shapRecords(anomalies: readonly PredictionRecord[]): Promise<ShapRecord[]> {
    const { explanations, metrics } = this.#options;
    const scored = anomalies.map((record) => {
      const { scores, pValue } = record;
      return { inputs: modelInputs([record]), scores, pValue };
    });
    const startedAt = performance.now();
    const records = await within(WAIT_MS, explanations.explainAnomalies(anomalies[0]!.release, scored));
    metrics.explanationDuration.labels('anomalies').observe((performance.now() - startedAt) / 1000);
    for (const { gap } of records) if (gap > ADDITIVITY_TOLERANCE) metrics.additivityMisses.inc();
    return records;
  }
}

function explanationOf(
  { values }: PredictionRecord,
  shap: ShapRecord,
  { expectations, userVectors }: Expected,
): ExplanationRecord {
  const vector = { values, shapValues: shap.shapValues, expectations };
  return {
    shap,
    expectations,
    userVectors,
    summaries: { en: summarise(vector, 'en'), ru: summarise(vector, 'ru') },
  };
}

async function within<Result>(ms: number, work: Promise<Result>): Promise<Result> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no explanation within ${ms} ms`)), ms);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}

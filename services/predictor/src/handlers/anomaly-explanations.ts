import { ADDITIVITY_TOLERANCE, type UnexplainedReason } from '@liminal/shared/contracts/explanation';
import { encodeExplanation } from '@liminal/shared/contracts/explanation-codec';
import { modelInputs } from '@liminal/shared/contracts/model-input';
import { isAnomaly, type PredictionRecord } from '@liminal/shared/contracts/prediction-batch';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import type { Explanations } from '../explanations/explanations.ts';
import { readHistories } from '../history/user-history.ts';
import type { Metrics } from '../metrics.ts';
import type { ServingFailures } from './serving-failures.ts';

/** Anomalies that may wait for their explanation at once, about 50 ms of work: more would hold up the scoring. */
const MOST_WAITING = 64;
/** Explanations that do not come by then are left out. On a busy machine the thread alone takes seconds to start. */
const WAIT_MS = 10_000;

export interface AnomalyExplanationsOptions {
  redis: Redis;
  explanations: Explanations;
  /** Off: anomalies are explained on request only. */
  isOn: boolean;
  failures: ServingFailures;
  metrics: Metrics;
  logger: Logger;
}

/**
 * Explains anomalies on their way into the stream, one for all partitions. The work is bounded: where many come at once,
 * the most anomalous of each user is explained, then the second of each, and what is left out says why. Nothing here fails a
 * commit.
 */
export class AnomalyExplanations {
  readonly #options: AnomalyExplanationsOptions;
  #waiting = 0;

  constructor(options: AnomalyExplanationsOptions) {
    this.#options = options;
  }

  /**
   * Of the anomalies among predictions that one release has made, encoded; users' histories as they are before these.
   */
  async explain(
    partition: number,
    records: readonly PredictionRecord[],
  ): Promise<ReadonlyMap<PredictionRecord, Uint8Array>> {
    const anomalies = oneOfEachUserFirst(records.filter(isAnomaly));
    const { isOn } = this.#options;
    const room = isOn ? Math.max(MOST_WAITING - this.#waiting, 0) : 0;
    const chosen = anomalies.slice(0, room);
    const explained = this.#without(anomalies.slice(room), isOn ? 'too-many-at-once' : 'switched-off');
    this.#waiting += chosen.length;
    try {
      for (const [record, bytes] of await this.#explainAll(partition, chosen)) explained.set(record, bytes);
    } finally {
      this.#waiting -= chosen.length;
    }
    return explained;
  }

  #without(anomalies: readonly PredictionRecord[], reason: UnexplainedReason): Map<PredictionRecord, Uint8Array> {
    this.#options.metrics.anomalyExplanations.labels(reason).inc(anomalies.length);
    return new Map(anomalies.map((record) => [record, encodeExplanation(reason)]));
  }

  async #explainAll(
    partition: number,
    anomalies: readonly PredictionRecord[],
  ): Promise<ReadonlyMap<PredictionRecord, Uint8Array>> {
    if (anomalies.length === 0) return new Map();
    const { redis, explanations, failures, metrics, logger } = this.#options;
    const { release } = anomalies[0]!;
    const startedAt = performance.now();
    try {
      const histories = await readHistories(redis, partition, new Set(anomalies.map(({ user }) => user)));
      const tasks = anomalies.map((record) => {
        const { scores, pValue, user } = record;
        return { inputs: modelInputs([record]), scores, pValue, history: histories.get(user)! };
      });
      const explained = await within(WAIT_MS, explanations.explainAnomalies(release, tasks));
      metrics.explanationDuration.labels('anomalies').observe((performance.now() - startedAt) / 1000);
      metrics.anomalyExplanations.labels('explained').inc(explained.length);
      failures.add(partition, release, 'explained', explained.length);
      for (const { gap } of explained) if (gap > ADDITIVITY_TOLERANCE) metrics.additivityMisses.inc();
      return new Map(anomalies.map((record, index) => [record, explained[index]!.bytes]));
    } catch (error) {
      logger.error({ err: error, anomalies: anomalies.length }, 'anomalies are written without explanation');
      failures.add(partition, release, 'unexplained', anomalies.length);
      return this.#without(anomalies, 'failed');
    }
  }
}

/** The most anomalous of each user, then the second of each, and so on. */
function oneOfEachUserFirst(records: readonly PredictionRecord[]): PredictionRecord[] {
  const ofUsers = Map.groupBy(
    records.toSorted((left, right) => left.pValue - right.pValue),
    ({ user }) => user,
  );
  const turns = new Map([...ofUsers.values()].flatMap((ofUser) => ofUser.map((record, turn) => [record, turn])));
  return [...turns.keys()].sort((left, right) => turns.get(left)! - turns.get(right)! || left.pValue - right.pValue);
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

import { type DeadLetter, decodeEntries } from '@liminal/shared/adapters/dead-letters';
import type { Lease } from '@liminal/shared/adapters/partition-group';
import { trimStream } from '@liminal/shared/adapters/stream-trim';
import type { PartitionSession, StreamEntry } from '@liminal/shared/adapters/stream-worker';
import {
  decodeFeatureVectors,
  type FeatureVector,
  PREDICTED_USER_LOAD,
} from '@liminal/shared/contracts/feature-vector';
import { cursorKey, neededFromKey } from '@liminal/shared/contracts/keys';
import { modelInputs } from '@liminal/shared/contracts/model-input';
import { MODEL_NAMES } from '@liminal/shared/contracts/prediction';
import { isAnomaly, type PredictionRecord } from '@liminal/shared/contracts/prediction-batch';
import type { OpenRelease } from '@liminal/shared/release/open-release';
import type { EventLoopShare } from '@liminal/shared/runtime/event-loop-share';
import type { Mutex } from '@liminal/shared/runtime/mutex';
import type { Tracer } from '@liminal/shared/runtime/tracing';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import type { DecidedAlarms } from '../alarms/decided-alarms.ts';
import { writeCommit } from '../commit/commit.ts';
import type { Config } from '../config.ts';
import type { Metrics } from '../metrics.ts';
import { checkForecast, type ForecastCheck } from '../scoring/forecast-check.ts';
import { MAX_BATCH_ROWS } from '../scoring/micro-batcher.ts';
import { newestOfUsers } from '../scoring/newest-of-users.ts';
import type { ShadowScorer } from '../shadow/shadow-scorer.ts';
import type { AnomalyExplanations } from './anomaly-explanations.ts';
import { ScoreTraces } from './score-traces.ts';
import type { ServingFailures } from './serving-failures.ts';

export interface FeaturesHandlerOptions {
  redis: Redis;
  config: Config;
  metrics: Metrics;
  logger: Logger;
  /** The serving release; without one nothing is read. */
  release(): OpenRelease | undefined;
  /** One for all partitions. */
  share: EventLoopShare;
  shadow: ShadowScorer;
  failures: ServingFailures;
  /**
   * One for all partitions: they are scored one after the other, since it is one event loop that scores them, so that the
   * anomalies of the first are explained while the others are scored.
   */
  scoring: Mutex;
  explanations: AnomalyExplanations;
  /** Undefined when nothing is to be traced. */
  tracer?: Tracer | undefined;
  /** What analysts have decided about alarms; undefined until that was looked at. */
  alarms(): DecidedAlarms | undefined;
  now(): number;
}

interface ScoredRecords {
  records: PredictionRecord[];
  /** Of the anomalies among them. */
  explaining: Promise<ReadonlyMap<PredictionRecord, Uint8Array>>;
}

/** Scores one partition's vectors: validate → score → explain the anomalies → commit. */
export class FeaturesSession implements PartitionSession {
  readonly partition: number;
  readonly #fence: number;
  readonly #options: FeaturesHandlerOptions;
  #lastId: string;
  #predictionsWaiting = 0;

  private constructor(lease: Lease, lastId: string, options: FeaturesHandlerOptions) {
    this.partition = lease.partition;
    this.#fence = lease.fence;
    this.#lastId = lastId;
    this.#options = options;
  }

  static async open(lease: Lease, options: FeaturesHandlerOptions): Promise<FeaturesSession> {
    const { redis } = options;
    // Kenning may start later than the first prediction: its place among the readers is kept from the start.
    await redis.hsetnx(neededFromKey('predictions', lease.partition), 'kenning', '0-0');
    const lastId = (await redis.hget(cursorKey('predictor', lease.partition), 'last')) ?? '0-0';
    return new FeaturesSession(lease, lastId, options);
  }

  get lastId(): string {
    return this.#lastId;
  }

  async isBlocked(): Promise<boolean> {
    const { redis, config, release, alarms } = this.#options;
    if (release() === undefined || alarms() === undefined) return true;
    if (this.#predictionsWaiting < config.predictionsHighWater) return false;
    const [scored, archived] = await Promise.all([
      redis.hget(cursorKey('predictor', this.partition), 'count'),
      redis.hget(cursorKey('kenning', this.partition), 'count'),
    ]);
    this.#predictionsWaiting = Number(scored ?? 0) - Number(archived ?? 0);
    return this.#predictionsWaiting >= config.predictionsHighWater;
  }

  async process(entries: readonly StreamEntry[]): Promise<void> {
    const { share, tracer } = this.#options;
    while (share.isUsedUp) await share.nextTurn();
    const { decoded, deadLetters } = decodeEntries(entries, decodeFeatureVectors);
    const traces = ScoreTraces.begin(tracer, this.partition, entries, decoded);
    try {
      await this.#take(entries, decoded, deadLetters, traces);
      traces?.end();
    } catch (error) {
      traces?.end(error);
      this.#options.shadow.drop(this.partition);
      await this.#options.failures.flush();
      throw error;
    }
  }

  async #take(
    entries: readonly StreamEntry[],
    decoded: readonly { value: FeatureVector[] }[],
    deadLetters: readonly DeadLetter[],
    traces: ScoreTraces | undefined,
  ): Promise<void> {
    const { redis, config, share } = this.#options;
    const vectors = decoded.flatMap(({ value }) => value);
    const newest = await newestOfUsers(redis, this.partition, new Set(vectors.map(({ user }) => user)));
    const records: PredictionRecord[] = [];
    const explaining: ScoredRecords['explaining'][] = [];
    const checks: ForecastCheck[] = [];
    for (let start = 0; start < vectors.length; start += MAX_BATCH_ROWS) {
      while (share.isUsedUp) await share.nextTurn();
      const some = vectors.slice(start, start + MAX_BATCH_ROWS);
      const scored = await this.#options.scoring.run(() => this.#score(some));
      explaining.push(scored.explaining);
      for (const record of scored.records) {
        const before = newest.get(record.user);
        const check = before && checkForecast(before, record);
        if (check !== undefined) checks.push(check);
        record.checked = check?.checked ?? before?.checked ?? null;
        newest.set(record.user, record);
        records.push(record);
      }
    }
    const explanations = new Map((await Promise.all(explaining)).flatMap((explained) => [...explained]));
    while (share.isUsedUp) await share.nextTurn();
    const toId = entries.at(-1)!.id;
    this.#predictionsWaiting = await writeCommit(redis, {
      partition: this.partition,
      fence: this.#fence,
      fromId: this.#lastId,
      toId,
      records,
      explanations,
      traceIds: traces?.scored(records),
      deadLetters,
      ttlSeconds: config.predictionTtlSeconds,
    });
    this.#lastId = toId;
    await Promise.all([this.#options.shadow.flush(this.partition), this.#options.failures.flush()]);
    this.#count(records);
    for (const check of checks) this.#observeForecast(check);
    this.#observe(entries, deadLetters);
  }

  async tend(): Promise<void> {
    const { redis, config } = this.#options;
    await trimStream(redis, 'features', this.partition);
    await trimStream(redis, 'predictions', this.partition, config.recentEntries);
  }

  async close(): Promise<void> {
    // Every round commits all that it read: nothing is open between rounds.
  }

  /** Anomalies are explained in another thread, while the next vectors are scored. */
  async #score(vectors: readonly FeatureVector[]): Promise<ScoredRecords> {
    const { config, metrics, shadow, failures, share, explanations, now } = this.#options;
    const release = this.#options.release()!;
    const alarms = this.#options.alarms()!;
    const inputs = modelInputs(vectors);
    const startedAt = performance.now();
    const scored = await release.score(inputs, vectors.length).catch((error: unknown) => {
      failures.add(this.partition, release.id, 'failedRuns');
      throw error;
    });
    const elapsedMs = performance.now() - startedAt;
    metrics.inferenceDuration.observe(elapsedMs / 1000);
    if (shadow.isActive) {
      while (share.isUsedUp) await share.nextTurn();
      await shadow.compare(this.partition, inputs, { release: release.id, scored, elapsedMs });
    }
    const scoredAt = now();
    const records = vectors.map(({ user, ts, seq, values, ip }, row): PredictionRecord => {
      const { scores, pValue, smallestPValue, forecast, predictedLoad } = scored[row]!;
      values[PREDICTED_USER_LOAD] = predictedLoad;
      const provisional = release.isProvisional;
      const vector = { user, ts, values, pValue, smallestPValue };
      const decided = alarms.decide(vector, config.anomalyAlertRate, provisional);
      const verdict = { scores, pValue, ...decided, release: release.id, provisional, scoredAt };
      return { user, ts, seq, values, forecast, checked: null, ...verdict, ...(ip !== undefined && { ip }) };
    });
    return { records, explaining: explanations.explain(this.partition, records) };
  }

  #count(records: readonly PredictionRecord[]): void {
    const { metrics, config } = this.#options;
    metrics.anomalies.labels('user').inc(records.filter(isAnomaly).length);
    for (const { severity } of records) metrics.predictions.labels(severity).inc();
    for (const { suppressed } of records) if (suppressed) metrics.suppressed.labels(suppressed.reason).inc();
    for (const model of MODEL_NAMES) {
      const pValues = records.flatMap(({ scores }) => scores[model]?.pValue ?? []);
      metrics.modelVectors.labels(model).inc(pValues.length);
      metrics.modelAlarms.labels(model).inc(pValues.filter((pValue) => pValue <= config.anomalyAlertRate).length);
    }
  }

  #observeForecast({ checked: { forecaster: served }, errors, isInside }: ForecastCheck): void {
    const { loadForecasts, loadErrors, loadIntervals } = this.#options.metrics;
    loadForecasts.labels(served).inc();
    for (const [forecaster, error] of Object.entries(errors)) loadErrors.labels(served, forecaster).inc(error);
    if (isInside !== undefined) loadIntervals.labels(isInside ? 'inside' : 'outside').inc();
  }

  #observe(entries: readonly StreamEntry[], deadLetters: readonly DeadLetter[]): void {
    const { metrics, logger, now } = this.#options;
    const committedAt = now();
    for (const { id } of entries)
      metrics.latency.observe(Math.max(committedAt - Number(id.split('-', 1)[0]), 0) / 1000);
    for (const { id, reason } of deadLetters) {
      metrics.deadLetters.inc();
      logger.error({ partition: this.partition, id, reason }, 'could not decode; put aside as a dead letter');
    }
  }
}

import { setTimeout as sleep } from 'node:timers/promises';
import type { ExplanationTask } from '@liminal/predictor/explanations/explanation-task';
import { ReleaseExplainer } from '@liminal/predictor/explanations/release-explainer';
import {
  encodeFeatureVectors,
  FEATURE_COUNT,
  type FeatureVector,
  VECTOR_LENGTH,
} from '@liminal/shared/contracts/feature-vector';
import { anomaliesKey, cursorKey, streamKey } from '@liminal/shared/contracts/keys';
import { modelInputs } from '@liminal/shared/contracts/model-input';
import { partitionOf } from '@liminal/shared/contracts/partition';
import { OpenRelease } from '@liminal/shared/release/open-release';
import { exactShapleyValues } from '@liminal/shared/shapley/exact-shapley';
import { readForest } from '@liminal/shared/shapley/forest-file';
import { ensembleValue } from '@liminal/shared/shapley/tree-ensemble';
import { startTestRedis } from '@liminal/shared/testing/redis';
import autocannon from 'autocannon';
import { Redis } from 'ioredis';
import { simulatedRows } from '../services/kenning/test/trained-release.ts';
import { type Released, released, VECTORS, vectorOf } from '../services/predictor/test/released.ts';
import { ServiceProcess } from '../test/e2e/service-process.ts';
import { attackedVectors } from './attacked-vectors.ts';

export const name = 'explanations: how many, how soon, and what they take from scoring';

const SECONDS = Math.min(Number(process.env.BENCH_SECONDS ?? 8), 15);
const AIM_P99_MS = 25;
const AIM_LOSS = 0.1;
const ANOMALY_RATE = 0.01;
const DRAINED_VECTORS = 120_000;
/** Pairs of runs; single pairs are up to a fifth apart. */
const ROUNDS = 9;
const PARTITIONS = 8;
const VECTORS_PER_ENTRY = 32;
const ALERT_RATE = 0.01;
const POLL_MS = 5;

export async function run(): Promise<void> {
  await using store = await released();
  await explanationsPerSecond(store);
  await requestLatency(store);
  await scoringLoss(store, ANOMALY_RATE);
  await scoringLoss(store, 1);
}

/** In one thread, vectors of several kinds in turn. */
async function explanationsPerSecond(store: Released): Promise<void> {
  const explainer = await ReleaseExplainer.open(store.loaded);
  const rows = Object.values(VECTORS).map((features) => modelInputs([vectorOf(features)]));
  const combined = { target: 'combined', quantity: 'minus_log10_p' } as const;
  const forest = { target: 'isolation-forest', quantity: 'log2_score' } as const;
  const paths = { ...forest, perturbation: 'path-dependent' } as const;
  const explainRows = (count: number, choices: Partial<ExplanationTask>) => async (): Promise<void> => {
    for (let row = 0; row < count; row++) await explainer.explain(taskOf(rows[row % rows.length]!, choices));
  };
  const measured: [what: string, rows: number, work: () => Promise<void> | void][] = [
    ['forest, interventional TreeSHAP, 100 background rows', 1, explainRows(1, forest)],
    ['forest, interventional TreeSHAP, 100 background rows', 32, explainRows(32, forest)],
    ['forest, path-dependent TreeSHAP', 1, explainRows(1, paths)],
    ['forest, path-dependent TreeSHAP', 32, explainRows(32, paths)],
    ['combined, enumeration, 8 background rows', 1, explainRows(1, combined)],
    ['combined, enumeration, 8 background rows', 32, explainRows(32, combined)],
    ['combined, LIME', 1, explainRows(1, { ...combined, methods: ['lime'] })],
    ['combined, counterfactual', 1, explainRows(1, { ...combined, methods: ['counterfactual'] })],
  ];
  const table: Record<string, string | number>[] = [];
  for (const [what, count, work] of measured) {
    const perSecond = count / (await medianSeconds(work));
    table.push({ what, rows: count, 'explanations/s': Number(perSecond.toPrecision(3)) });
  }
  console.table(table);
  const ratio = (await medianSeconds(bruteForceOf(store))) / (await medianSeconds(explainRows(1, forest)));
  console.log(`TreeSHAP is ${ratio.toFixed(0)}× as fast as enumeration over the same trees and background rows`);
  await explainer.close();
}

const taskOf = (inputs: Float32Array, choices: Partial<ExplanationTask>): ExplanationTask => ({
  inputs,
  target: 'combined',
  quantity: 'minus_log10_p',
  perturbation: 'interventional',
  methods: ['shap'],
  alertRate: ALERT_RATE,
  ...choices,
});

/** What TreeSHAP computes, by its definition: every coalition with every background row down every tree. */
function bruteForceOf({ loaded }: Released): () => void {
  const { trees, medians } = readForest(loaded.files.get('isolation-forest')!, 'score');
  const filled = (values: ArrayLike<number>): Float32Array =>
    Float32Array.from(values, (value, index) => (Number.isNaN(value) ? medians[index % FEATURE_COUNT]! : value));
  const background = filled(loaded.background);
  const row = filled(vectorOf(VECTORS.scraping).values.subarray(0, FEATURE_COUNT));
  const rows = background.length / FEATURE_COUNT;
  const mixed = new Float32Array(FEATURE_COUNT);
  return () => {
    const worth = Float64Array.from({ length: 2 ** FEATURE_COUNT }, (_, coalition) => {
      let sum = 0;
      for (let reference = 0; reference < rows; reference++) {
        for (let feature = 0; feature < FEATURE_COUNT; feature++) {
          const isIn = (coalition >> feature) & 1;
          mixed[feature] = isIn ? row[feature]! : background[reference * FEATURE_COUNT + feature]!;
        }
        sum += ensembleValue(trees, mixed);
      }
      return sum / rows;
    });
    exactShapleyValues(worth);
  };
}

/** One call after the other, and two at once: the combined p-value, vectors of several kinds in turn. */
async function requestLatency(store: Released): Promise<void> {
  const redis = await startTestRedis();
  const predictor = await ServiceProcess.start('predictor', { REDIS_URL: redis.url, ...store.env });
  try {
    await predictor.ready();
    const requests = Object.values(VECTORS).map((features) => ({
      method: 'POST' as const,
      path: '/explain',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ features }),
    }));
    const load = (connections: number, duration: number) =>
      autocannon({ url: predictor.url, connections, duration, requests });
    await load(1, 2);
    const table: Record<string, string | number>[] = [];
    for (const connections of [1, 2]) {
      const { latency, requests: done, non2xx, errors } = await load(connections, SECONDS);
      if (non2xx + errors > 0) throw new Error(`${non2xx + errors} calls failed`);
      table.push({
        'POST /explain, combined': `${connections} at a time`,
        'calls/s': done.average,
        'p50, ms': latency.p50,
        'p99, ms': latency.p99,
        'aim, ms': AIM_P99_MS,
      });
    }
    console.table(table);
  } finally {
    await predictor.kill();
    await redis.stop();
  }
}

/** A backlog of vectors is scored with and without explanations, in turns, by a predictor of its own each time. */
async function scoringLoss(store: Released, anomalyRate: number): Promise<void> {
  const vectors = await backlog(store, anomalyRate);
  const rounds: { with: Drained; without: Drained }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    // In turns, since what comes second finds a warmer machine.
    const order = round % 2 === 0 ? [true, false] : [false, true];
    const [first, second] = [await drain(store, vectors, order[0]!), await drain(store, vectors, order[1]!)];
    rounds.push(order[0] ? { with: first, without: second } : { with: second, without: first });
  }
  const ratio = median(rounds.map((one) => one.with.perSecond / one.without.perSecond));
  const { explained, anomalies } = rounds.at(-1)!.with;
  console.log(
    `${100 * anomalyRate}% anomalies: ${thousands(median(rounds.map((one) => one.with.perSecond)))} vectors a second ` +
      `with explanations, ${thousands(median(rounds.map((one) => one.without.perSecond)))} without, ` +
      `${(100 * (1 - ratio)).toFixed(1)}% less (median of ${ROUNDS} pairs)${anomalyRate < 1 ? ` (aim under ${100 * AIM_LOSS}%)` : ''}; ` +
      `${thousands(explained)} of ${thousands(anomalies)} anomalies explained`,
  );
}

/** Simulated vectors that raise no alarm, and anomalies of simulated attacks among them. */
async function backlog({ loaded }: Released, anomalyRate: number): Promise<FeatureVector[]> {
  const release = await OpenRelease.open(loaded);
  const { values, rows, columns } = simulatedRows({ seed: 4, platformUsers: 120 });
  const usual: Float32Array[] = [];
  const unusual: Float32Array[] = [];
  const isAnomaly = async (vector: { values: Float32Array; ts?: number }): Promise<boolean> =>
    (await release.score(modelInputs([vector]), 1))[0]!.pValue <= ALERT_RATE;
  for (let row = 0; row < rows; row++) {
    const vector = values.slice(row * columns, row * columns + VECTOR_LENGTH);
    if (!(await isAnomaly({ values: vector }))) usual.push(vector);
  }
  for (const { vector } of attackedVectors({ seed: 5, users: 120, attacksOfEach: 6 }).attacked) {
    if (await isAnomaly(vector)) unusual.push(vector.values);
  }
  await release.close();
  const every = Math.round(1 / anomalyRate);
  return Array.from({ length: DRAINED_VECTORS }, (_, index) => ({
    user: `user-${index % 5_000}`,
    ts: Date.UTC(2026, 10, 23) + 100 * index,
    seq: 1 + Math.floor(index / 5_000),
    values: index % every === 0 ? unusual[(index / every) % unusual.length]! : usual[index % usual.length]!,
  }));
}

interface Drained {
  perSecond: number;
  explained: number;
  anomalies: number;
}

async function drain(store: Released, vectors: readonly FeatureVector[], explains: boolean): Promise<Drained> {
  const server = await startTestRedis();
  const redis = new Redis(server.url);
  const pipeline = redis.pipeline();
  for (const [partition, some] of Map.groupBy(vectors, ({ user }) => partitionOf(user, PARTITIONS))) {
    for (let start = 0; start < some.length; start += VECTORS_PER_ENTRY) {
      const entry = encodeFeatureVectors(some.slice(start, start + VECTORS_PER_ENTRY));
      pipeline.xadd(streamKey('features', partition), '*', 'b', entry);
    }
  }
  await pipeline.exec();
  const predictor = await ServiceProcess.start('predictor', {
    REDIS_URL: server.url,
    PARTITIONS: String(PARTITIONS),
    ...store.env,
    EXPLAIN_ANOMALIES: String(explains),
  });
  try {
    // The first vectors warm up: code is compiled, and the thread that explains starts.
    const [from, startedAt] = await reached(redis, 0.25 * vectors.length);
    const [to, endedAt] = await reached(redis, vectors.length);
    const metrics = await (await fetch(`${predictor.url}/metrics`)).text();
    return {
      perSecond: (1_000 * (to - from)) / (endedAt - startedAt),
      explained: Number(/anomaly_explanations_total\{result="explained"\} (\d+)/.exec(metrics)?.[1] ?? 0),
      anomalies: await redis.xlen(anomaliesKey),
    };
  } finally {
    await predictor.kill();
    redis.disconnect();
    await server.stop();
  }
}

/** Once so many vectors are scored: how many are, and when. */
async function reached(redis: Redis, count: number): Promise<[count: number, atMs: number]> {
  const keys = Array.from({ length: PARTITIONS }, (_, partition) => cursorKey('predictor', partition));
  for (;;) {
    const counts = await Promise.all(keys.map((key) => redis.hget(key, 'count')));
    const scored = counts.reduce((sum, one) => sum + Number(one ?? 0), 0);
    if (scored >= count) return [scored, performance.now()];
    await sleep(POLL_MS);
  }
}

async function medianSeconds(work: () => Promise<void> | void): Promise<number> {
  for (let warmUp = 0; warmUp < 3; warmUp++) await work();
  const seconds: number[] = [];
  const endsAt = performance.now() + 1_500;
  while (seconds.length < 5 || performance.now() < endsAt) {
    const startedAt = performance.now();
    await work();
    seconds.push((performance.now() - startedAt) / 1_000);
  }
  return median(seconds);
}

const median = (values: number[]): number => values.sort((left, right) => left - right)[values.length >> 1]!;
const thousands = (value: number): string => Math.round(value).toLocaleString('en');

if (import.meta.main) await run();

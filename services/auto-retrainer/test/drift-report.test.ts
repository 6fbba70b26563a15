import type { Drift } from '@liminal/shared/contracts/drift-report';
import { FEATURE_NAMES, VECTOR_LENGTH } from '@liminal/shared/contracts/feature-vector';
import { streamKey } from '@liminal/shared/contracts/keys';
import { partitionOf } from '@liminal/shared/contracts/partition';
import { encodePredictions, type PredictionRecord } from '@liminal/shared/contracts/prediction-batch';
import { Random } from '@liminal/shared/runtime/random';
import { startTestService, type TestService } from '@liminal/shared/testing/start-service';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { service as backendService } from '../../backend/src/app.ts';
import { service } from '../src/app.ts';
import { type ServingPlatform, servingPlatform } from './serving-platform.ts';

const VECTORS = 400;
const ROUND_MS = 60_000;
const PARTITIONS = 8;

let platform: ServingPlatform;
let retrainer: TestService | undefined;
let backend: TestService;

beforeAll(async () => {
  platform = await servingPlatform();
  backend = await startTestService(backendService, { REDIS_URL: platform.env.REDIS_URL });
});
afterAll(async () => {
  await retrainer?.stop();
  await backend?.stop();
  await platform?.[Symbol.asyncDispose]();
});

/** As the predictor would have made them, of a release that finds nothing strange. */
async function predict(): Promise<void> {
  const random = new Random(1);
  const records = Array.from({ length: VECTORS * 6 }, (_, index): PredictionRecord => {
    const ts = 1_000_000 + 100 * index;
    return {
      user: `user-${index}`,
      ts,
      seq: 1,
      values: Float32Array.from({ length: VECTOR_LENGTH }, () => random.exponential(5)),
      forecast: null,
      checked: null,
      scores: {},
      pValue: 1 - random.next(),
      severity: 'none',
      release: platform.release,
      provisional: false,
      scoredAt: ts,
    };
  });
  for (const record of records) {
    const stream = streamKey('predictions', partitionOf(record.user, PARTITIONS));
    await platform.redis.xadd(stream, '*', 'b', encodePredictions([record]));
  }
}

interface Answer {
  drift: Drift | null;
  missing: string | null;
  at: number | null;
  stale: boolean;
}
const ask = async ({ url }: TestService, path: string): Promise<Answer> =>
  (await (await fetch(url + path)).json()) as Answer;

describe('the report of drift', () => {
  it('is what the backend shows, and goes stale when nobody looks any more', async () => {
    expect((await ask(backend, '/ml/drift')).missing).toMatch(/has not looked/);
    retrainer = await startTestService(service, {
      ...platform.env,
      DRIFT_ROUND_MINUTES: String(ROUND_MS / 60_000),
      DRIFT_CHECK_EVERY_MS: '600000',
    });
    await vi.waitFor(
      async () => expect((await ask(backend, '/ml/drift')).drift?.release).toBe(platform.release),
      5_000,
    );
    await predict();
    const { url } = retrainer;
    // It may look again between two questions.
    await vi.waitFor(async () => {
      const metrics = await (await fetch(`${url}/metrics`)).text();
      const [shown, own] = [await ask(backend, '/ml/drift'), await ask(retrainer!, '/drift')];
      expect(shown).toMatchObject({ drift: own.drift, missing: null, stale: false });
      const { scores, window, check, martingale } = own.drift!;
      expect(martingale.vectors).toBeGreaterThan(100);
      expect(check?.features.map(({ feature }) => feature)).toEqual(FEATURE_NAMES);
      for (const feature of FEATURE_NAMES) {
        expect(metrics).toContain(`liminal_retrainer_drift_p_value_ratio{feature="${feature}",test="ks"}`);
      }
      const measured = (name: string): number =>
        Number(metrics.match(new RegExp(`^liminal_retrainer_drift_${name} (.+)$`, 'm'))?.[1]);
      expect(measured('scores_distance_ratio')).toBe(scores.statistic);
      expect(measured('scores_p_value_ratio')).toBe(scores.pValue);
      expect(measured('window_start_timestamp_seconds')).toBe(window.fromTs! / 1000);
      expect(measured('window_end_timestamp_seconds')).toBe(window.toTs! / 1000);
      expect(measured('check_timestamp_seconds')).toBe(check!.at / 1000);
      expect(measured('p_value_threshold_ratio')).toBe(check!.thresholds.adjustedPValue);
      expect(measured('stability_limit_ratio')).toBe(check!.thresholds.populationStability.much);
    }, 10_000);
    await retrainer.stop();
    retrainer = undefined;
    await platform.redis.set(
      'retrainer:drift',
      (await platform.redis.get('retrainer:drift'))!.replace(/"freshForMs":\d+/, '"freshForMs":0'),
    );
    expect(await ask(backend, '/ml/drift')).toMatchObject({ drift: { release: platform.release }, stale: true });
  });
});

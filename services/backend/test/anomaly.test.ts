import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ReleaseRegistry } from '@liminal/kenning/registry/release-registry';
import { openModelStore } from '@liminal/shared/adapters/model-store';
import { encodeFeatureVector } from '@liminal/shared/contracts/feature-vector';
import { encodeHistoryVector } from '@liminal/shared/contracts/history-vector';
import { anomaliesKey, featuresKey, streamKey, userHistoryKey } from '@liminal/shared/contracts/keys';
import { partitionOf } from '@liminal/shared/contracts/partition';
import { anomalyId, encodePredictions } from '@liminal/shared/contracts/prediction-batch';
import { seriesAnomalyId } from '@liminal/shared/contracts/series-anomaly';
import { startTestRedis, type TestRedis } from '@liminal/shared/testing/redis';
import { startTestService, type TestService } from '@liminal/shared/testing/start-service';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { releaseDraft } from '../../kenning/test/release-draft.ts';
import { service } from '../src/app.ts';
import { explanation, seriesRecord, userRecord, writeSeries, writeUsers } from './anomaly-records.ts';

const MINUTE_MS = 60_000;
const AT = 29_460_240 * MINUTE_MS + 30_000;
const partition = partitionOf('ada', 8);

let directory: string;
let server: TestRedis;
let redis: Redis;
let backend: TestService;
let registry: ReleaseRegistry;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'liminal-backend-'));
  const { privateKey, publicKey } = generateKeyPairSync('ed25519') as { privateKey: KeyObject; publicKey: KeyObject };
  const publicKeyFile = join(directory, 'public.pem');
  await writeFile(publicKeyFile, publicKey.export({ type: 'spki', format: 'pem' }));
  const url = `file:${join(directory, 'models')}`;
  const clock = () => Date.UTC(2026, 10, 23);
  registry = new ReleaseRegistry({ store: openModelStore(url), signingKey: privateKey, clock, log: { warn() {} } });
  server = await startTestRedis();
  redis = new Redis(server.url);
  backend = await startTestService(service, {
    REDIS_URL: server.url,
    MODEL_STORE_URL: url,
    RELEASE_PUBLIC_KEY_FILE: publicKeyFile,
  });
});
afterAll(async () => {
  await backend?.stop();
  redis?.disconnect();
  await server?.stop();
  await rm(directory, { recursive: true, force: true });
});
afterEach(() => redis.flushall());

async function detail(id: string): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${backend.url}/ml/anomalies/${id}`);
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

describe('GET /ml/anomalies/:id', () => {
  test('gives scores, explanation, what the user did, and the release that scored', async () => {
    const { id: release } = await registry.publish(releaseDraft(1));
    const anomaly = userRecord({ ts: AT, release });
    await writeUsers(redis, [anomaly], explanation([1, 0, 2]));
    const normal = userRecord({ seq: 2, ts: AT - 10_000, severity: 'none', pValue: 0.6 });
    const other = userRecord({ user: 'ben' });
    await redis.xadd(streamKey('predictions', partition), '*', 'b', encodePredictions([normal, other]));
    await redis.xadd(streamKey('predictions', partition), '*', 'b', encodePredictions([other, anomaly]));
    await redis.lpush(userHistoryKey(partition, 'ada'), encodeHistoryVector(normal.values));
    // The newest vector is two minutes on, in which there were 40 and 41 requests.
    const newest = userRecord({ ts: AT + 2 * MINUTE_MS })
      .values.fill(40, 38, 39)
      .fill(41, 39, 40);
    const vector = { user: 'ada', ts: AT + 2 * MINUTE_MS, seq: 9, values: newest };
    await redis.set(featuresKey(partition, 'ada'), encodeFeatureVector(vector));

    const { status, body } = await detail(anomalyId(anomaly));
    expect(status).toBe(200);
    expect(body).toMatchObject({
      anomaly: {
        entity: 'user',
        features: { requests_per_user: 1.5, jwt_usage_patterns: null },
        scores: { 'isolation-forest': { score: 0.7, pValue: 0.004 } },
        explanation: { shap: { shapValues: { requests_per_user: 1, ip_entropy: 2 } } },
        foundBy: ['isolation-forest'],
        verdict: null,
      },
      history: {
        recent: [
          { ts: AT, seq: 3, severity: 'warning' },
          { ts: AT - 10_000, seq: 2, severity: 'none', pValue: 0.6, features: { ip_entropy: 1.5 } },
        ],
        usual: [{ requests_per_user: 1.5, jwt_usage_patterns: null }],
      },
      release: {
        id: release,
        provisional: false,
        models: [{ name: 'isolation-forest', metrics: { fitSeconds: 0.25 } }, { name: 'lstm' }],
        combination: 'minimum-p',
        calibrationRows: 200,
        trainingData: { rows: 1_000, users: 40 },
      },
      verdicts: [],
    });
    const { load } = body.history as { load: { ts: number; requests: number | null }[] };
    const running = AT - 30_000;
    expect(load).toHaveLength(35);
    expect(load[0]).toEqual({ ts: running - 33 * MINUTE_MS, requests: 0 });
    expect(load.slice(-2)).toEqual([
      { ts: running, requests: 40 },
      { ts: running + MINUTE_MS, requests: 41 },
    ]);
  });

  test('says why the release can not be told, and gives the rest', async () => {
    await writeUsers(redis, [userRecord({ release: 'r-20261123T000000-00000000' })]);
    expect(await detail(anomalyId(userRecord()))).toMatchObject({
      status: 200,
      body: {
        release: { id: 'r-20261123T000000-00000000', missing: expect.stringContaining('missing in the model store') },
        history: { recent: [], usual: [], load: { length: 33 } },
      },
    });
  });

  test('is still there once the stream has forgotten it, if somebody judged it', async () => {
    await writeUsers(redis, [userRecord()], explanation([1]));
    const id = anomalyId(userRecord());
    for (const verdict of ['unclear', 'true_positive']) {
      await fetch(`${backend.url}/ml/anomalies/${id}/verdict`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ verdict, author: 'grace' }),
      });
    }
    await redis.del(anomaliesKey);
    expect(await detail(id)).toMatchObject({
      status: 200,
      body: {
        anomaly: { id, verdict: 'true_positive', unexplained: null },
        verdicts: [{ verdict: 'unclear' }, { verdict: 'true_positive' }],
      },
    });
  });

  test('of a series has neither user nor release', async () => {
    await writeSeries(redis, seriesRecord());
    expect(await detail(seriesAnomalyId('requests', 100))).toMatchObject({
      status: 200,
      body: { anomaly: { entity: 'series', series: 'requests' }, history: null, release: null },
    });
  });

  test('that is not there is told', async () => {
    expect(await detail('x'.repeat(20))).toMatchObject({
      status: 404,
      body: { error: { code: 'LIMINAL_ERR_ANOMALY_UNKNOWN' } },
    });
    expect(await detail('short')).toMatchObject({ status: 400 });
  });
});

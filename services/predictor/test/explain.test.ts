import { encodeFeatureVector, FEATURE_NAMES } from '@liminal/shared/contracts/feature-vector';
import { encodeHistoryVector } from '@liminal/shared/contracts/history-vector';
import { featuresKey, userHistoryKey } from '@liminal/shared/contracts/keys';
import { partitionOf } from '@liminal/shared/contracts/partition';
import { startTestRedis, type TestRedis } from '@liminal/shared/testing/redis';
import { startTestService, type TestService } from '@liminal/shared/testing/start-service';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { service } from '../src/app.ts';
import type { Explained } from '../src/routes/explain-schema.ts';
import { type Released, released, VECTORS, vectorOf } from './released.ts';

let server: TestRedis;
let redis: Redis;
let store: Released;
let predictor: TestService;

beforeAll(async () => {
  store = await released();
  server = await startTestRedis();
  redis = new Redis(server.url);
  predictor = await startTestService(service, { REDIS_URL: server.url, ...store.env });
});
afterAll(async () => {
  await predictor?.stop();
  redis?.disconnect();
  await server?.stop();
  await store?.[Symbol.asyncDispose]();
});

interface Answer {
  status: number;
  body: { explanations: Explained[]; error: { code: string; message: string; details: Record<string, unknown> } };
}

async function post(body: unknown): Promise<Answer> {
  const response = await fetch(`${predictor.url}/explain`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Answer['body'] };
}

const sumOf = ({ shap }: Explained): number =>
  FEATURE_NAMES.reduce((sum, name) => sum + shap!.shapValues[name], shap!.baseValue);

describe('POST /explain', () => {
  it('explains a vector: shares that add up, what is normal, and a sentence', async () => {
    const { status, body } = await post({ features: VECTORS.scraping, method: 'all' });
    expect(status).toBe(200);
    const [explained] = body.explanations;
    expect(explained).toMatchObject({
      model: 'combined',
      quantity: 'minus_log10_p',
      anomaly: true,
      notObserved: ['login_intervals'],
      userVectors: 0,
      shap: { algorithm: 'enumeration', additivity: { holds: true } },
      counterfactual: { found: true },
    });
    expect(explained!.value).toBeCloseTo(-Math.log10(explained!.pValue), 9);
    expect(sumOf(explained!)).toBeCloseTo(explained!.value, 6);
    expect(explained!.expected.requests_per_user.user).toBeNull();
    expect(explained!.expected.requests_per_user.everyone!.high).toBeGreaterThan(5);
    expect(explained!.summary).toMatch(/^Stands out by .*requests_per_user 140\/min \(p99 of all users: \d+/);
    expect(explained!.lime!.runs).toBe(5);
    expect(explained!.agreement).toBeGreaterThan(0);
  });

  it('explains each model, path-dependent too, by features by name, in Russian', async () => {
    const { body } = await post({
      features: { requests_per_user: 300, ip_entropy: 3.2 },
      model: 'isolation-forest',
      perturbation: 'path-dependent',
      lang: 'ru',
    });
    const [explained] = body.explanations;
    expect(explained).toMatchObject({
      model: 'isolation-forest',
      quantity: 'log2_score',
      shap: { algorithm: 'tree-path-dependent', backgroundRows: 0 },
      lime: null,
      counterfactual: null,
      agreement: null,
    });
    expect(explained!.value).toBeCloseTo(Math.log2(explained!.scores['isolation-forest']!.score), 9);
    expect(sumOf(explained!)).toBeCloseTo(explained!.value, 5);
    expect(explained!.summary).toContain('Выделяется');
  });

  it('explains several vectors, each as alone', async () => {
    const [usual, spam] = [VECTORS.usual, VECTORS.spam];
    const together = await post({ vectors: [usual, { features: spam, ts: 1_000 }] });
    const alone = await post({ features: spam, ts: 1_000 });
    expect(together.body.explanations).toHaveLength(2);
    expect(together.body.explanations[1]).toEqual(alone.body.explanations[0]);
    expect(together.body.explanations[0]!.anomaly).toBe(false);
  });

  it('explains the newest vector of a user beside what is usual for the user', async () => {
    const user = 'grace hopper';
    const partition = partitionOf(user, 8);
    await redis.set(featuresKey(partition, user), encodeFeatureVector(vectorOf(VECTORS.scraping, { user })));
    for (const requests of [2, 3, 3, 4, 9]) {
      await redis.lpush(userHistoryKey(partition, user), encodeHistoryVector(vectorOf([requests]).values));
    }
    const { body } = await post({ user });
    expect(body.explanations[0]).toMatchObject({ user, userVectors: 5, ts: vectorOf([]).ts });
    expect(body.explanations[0]!.expected.requests_per_user.user).toEqual({ low: 2, median: 3, high: 9 });
    expect(body.explanations[0]!.summary).toContain('requests_per_user 140/min, usually 3 (p99 of all users');
  });

  it.each([
    ['six numbers', { features: [1, 2, 3, 4, 5, 6] }, 400, 'LIMINAL_ERR_HTTP_INVALID', /7/],
    ['an unknown feature', { features: { requests: 1 } }, 400, 'LIMINAL_ERR_HTTP_INVALID', /features/],
    ['no vector', { method: 'shap' }, 400, 'LIMINAL_ERR_HTTP_INVALID', /"features", "vectors" \(up to 32\) and "user"/],
    ['two kinds of vectors', { features: [], user: 'ada' }, 400, 'LIMINAL_ERR_HTTP_INVALID', /./],
    ['an unknown method', { features: VECTORS.usual, method: 'magic' }, 400, 'LIMINAL_ERR_HTTP_INVALID', /shap.*lime/],
    ['an unknown model', { features: VECTORS.usual, model: 'oracle' }, 400, 'LIMINAL_ERR_HTTP_INVALID', /combined/],
    ['an unknown language', { features: VECTORS.usual, lang: 'fr' }, 400, 'LIMINAL_ERR_HTTP_INVALID', /en.*ru/],
    ['infinity', '{"features":[1e999,0,0,0,0,0,0]}', 400, 'LIMINAL_ERR_HTTP_INVALID', /finite|number/],
    [
      'beyond float32',
      { features: [1e300, 0, 0, 0, 0, 0, 0] },
      400,
      'LIMINAL_ERR_EXPLANATION_NOT_FINITE',
      /requests_per_user/,
    ],
    ['33 vectors', { vectors: Array(33).fill(VECTORS.usual) }, 413, 'LIMINAL_ERR_EXPLANATION_TOO_MANY', /32 .* 33/],
    [
      '10,000 vectors',
      { vectors: Array(10_000).fill(VECTORS.usual) },
      413,
      'LIMINAL_ERR_EXPLANATION_TOO_MANY',
      /32 .* 10000/,
    ],
    ['no vectors', { vectors: [] }, 400, 'LIMINAL_ERR_HTTP_INVALID', /vectors/],
    ['an unknown user', { user: 'nobody' }, 404, 'LIMINAL_ERR_PREDICTION_UNKNOWN_USER', /nobody/],
    [
      'the LSTM',
      { features: VECTORS.usual, model: 'lstm' },
      400,
      'LIMINAL_ERR_EXPLANATION_MODEL',
      /combined, isolation-forest/,
    ],
    [
      'a score of all',
      { features: VECTORS.usual, quantity: 'score' },
      400,
      'LIMINAL_ERR_EXPLANATION_QUANTITY',
      /minus_log10_p/,
    ],
    [
      'a logarithm that need not exist',
      { features: VECTORS.usual, model: 'one-class-svm', quantity: 'log2_score' },
      400,
      'LIMINAL_ERR_EXPLANATION_QUANTITY',
      /score, minus_log10_p/,
    ],
    [
      'paths of no tree',
      { features: VECTORS.usual, perturbation: 'path-dependent' },
      400,
      'LIMINAL_ERR_EXPLANATION_PERTURBATION',
      /isolation-forest/,
    ],
  ])('refuses %s', async (_, body, status, code, message) => {
    const answer = await post(body);
    expect(answer).toMatchObject({ status, body: { error: { code } } });
    expect(answer.body.error.message).toMatch(message);
  });

  it('tells those who ask for too much at once to come again', async () => {
    const calls = Array.from({ length: 8 }, () => post({ vectors: Array(32).fill(VECTORS.usual), method: 'all' }));
    const answers = await Promise.all(calls);
    const refused = answers.filter(({ status }) => status === 503);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused[0]!.body.error.code).toBe('LIMINAL_ERR_EXPLANATION_BUSY');
    expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThan(0);
  });
});

describe('GET /explain/:user', () => {
  it('answers 404 for a user of whom nothing is known, and 400 for an unknown method', async () => {
    const unknown = await fetch(`${predictor.url}/explain/nobody`);
    expect(unknown.status).toBe(404);
    const magic = await fetch(`${predictor.url}/explain/nobody?method=magic`);
    expect(magic.status).toBe(400);
  });
});

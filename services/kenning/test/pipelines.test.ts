import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ModelStore, openModelStore } from '@liminal/shared/adapters/model-store';
import { verdictsKey } from '@liminal/shared/contracts/keys';
import { type OptimisationReport, reportKeys } from '@liminal/shared/contracts/optimisation-report';
import { anomalyId } from '@liminal/shared/contracts/prediction-batch';
import type { ReleaseManifest } from '@liminal/shared/contracts/release';
import { encodeJudgedAnomaly, type Verdict } from '@liminal/shared/contracts/verdict';
import { startTestRedis, type TestRedis } from '@liminal/shared/testing/redis';
import { startTestService, type TestService } from '@liminal/shared/testing/start-service';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { service } from '../src/app.ts';
import { ArchiveWriter } from '../src/archive/archive-writer.ts';
import type { TrainingRow } from '../src/archive/training-row.ts';
import { factoryRows } from '../src/training/factory-rows.ts';
import { trainingRows } from './training-rows.ts';

const ROWS = 900;
const JOB_TIMEOUT_MS = 60_000;

let directory: string;
let redis: TestRedis;
let store: ModelStore;
let kenning: TestService;

interface JobBody {
  name: string;
  state: string;
  progress: { stage: string; ratio: number } | null;
  result: Record<string, never> | null;
  error: string | null;
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'liminal-pipelines-'));
  redis = await startTestRedis();
  const modelStore = `file:${join(directory, 'models')}`;
  store = openModelStore(modelStore);
  const archive = await ArchiveWriter.open({ store, maxRows: 10_000, clock: Date.now, log: { warn() {} } });
  const { features } = factoryRows({ seed: 2, platformUsers: 60 });
  const rows = trainingRows(ROWS);
  for (const [index, { values }] of rows.entries()) values.set(features.subarray(7 * index, 7 * index + 7));
  await archive.write(0, '1-0', rows);
  kenning = await startTestService(service, {
    REDIS_URL: redis.url,
    MODEL_STORE_URL: modelStore,
    RELEASE_SIGNING_KEY_FILE: join(directory, 'private.pem'),
    RELEASE_PUBLIC_KEY_FILE: join(directory, 'public.pem'),
    PARTITIONS: '1',
  });
}, 120_000);

afterAll(async () => {
  await kenning?.stop();
  await redis?.stop();
  store?.close();
  await rm(directory, { recursive: true, force: true });
});

async function call(method: string, path: string, body?: object): Promise<{ status: number; body: never }> {
  const answer = await fetch(`${kenning.url}${path}`, {
    method,
    ...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
  return { status: answer.status, body: (await answer.json()) as never };
}

const jobOf = async (job: string): Promise<JobBody> => (await call('GET', `/jobs/${job}`)).body;

async function start(path: string, body?: object): Promise<string> {
  const { status, body: answer } = await call('POST', path, body);
  expect(answer).toMatchObject({ job: expect.any(String) });
  expect(status).toBe(202);
  return (answer as { job: string }).job;
}

async function ended(job: string): Promise<JobBody> {
  await vi.waitFor(async () => expect(['completed', 'failed']).toContain((await jobOf(job)).state), {
    timeout: JOB_TIMEOUT_MS,
    interval: 100,
  });
  return jobOf(job);
}

async function judge(row: TrainingRow, verdict: Verdict['verdict']): Promise<void> {
  const record = {
    ...row,
    forecast: null,
    checked: null,
    severity: 'warning',
    provisional: false,
    scoredAt: 5,
  } as const;
  const fields = encodeJudgedAnomaly({
    verdict: { anomaly: anomalyId(record), verdict, author: 'grace', note: '', at: 1 },
    anomaly: { entity: 'user', record, explanation: 'not-kept' },
  });
  const client = new Redis(redis.url);
  await client.xadd(verdictsKey, '*', ...Object.entries(fields).flat());
  client.disconnect();
}

describe('POST /pipelines/tune', () => {
  it(
    'ranks configurations, and says what to send to train with the best',
    async () => {
      const body = { models: ['nearest-neighbours', 'isolation-forest'], configurations: 4, seed: 7, maxRows: 500 };
      const { name, state, result, progress } = await ended(await start('/pipelines/tune', body));
      expect([name, state, progress]).toEqual(['tune-models', 'completed', { stage: expect.any(String), ratio: 1 }]);
      expect(result).toMatchObject({
        rows: { archived: 500, training: 350, evaluation: 150, labelled: 0, labelsNotFound: 0 },
        seed: 7,
        models: [
          { model: 'isolation-forest', criterion: 'excess-mass', resource: 'training-rows' },
          { model: 'nearest-neighbours', criterion: 'excess-mass', resource: 'training-rows' },
        ],
      });
      const { train } = result as unknown as { train: { options: Record<string, Record<string, number>> } };

      const again = await ended(await start('/pipelines/tune', body));
      const withoutTime = (tuned: object | null) => ({ ...tuned, seconds: 0 });
      expect(withoutTime(again.result)).toEqual(withoutTime(result));

      const trained = await ended(await start('/pipelines/train', { ...train, promote: false, seed: 1 }));
      expect(trained.error).toBeNull();
      const { release } = trained.result as unknown as { release: string };
      const { body: manifest } = await call('GET', `/releases/${release}`);
      const { models } = manifest as { models: { name: string; params: object }[] };
      expect(models).toHaveLength(4);
      for (const [model, options] of Object.entries(train.options)) {
        expect(models.find((candidate) => candidate.name === model)!.params).toMatchObject(options);
      }
    },
    2 * JOB_TIMEOUT_MS,
  );

  it(
    'goes by labels, of archived rows and of rows that come along',
    async () => {
      const [first, second] = trainingRows(ROWS);
      const labels = [
        { user: first!.user, seq: first!.seq, anomaly: false },
        { user: second!.user, ts: second!.ts, anomaly: false },
        { user: 'nobody', seq: 1, anomaly: false },
      ];
      const labelledRows = [{ features: { requests_per_user: 1e5, ip_entropy: 9 }, anomaly: true }];
      const body = { models: ['isolation-forest'], configurations: 3, labels, labelledRows };
      const { result } = await ended(await start('/pipelines/tune', body));
      expect(result).toMatchObject({
        rows: { archived: ROWS, evaluation: 0, labelled: 3, labelsNotFound: 1 },
        models: [{ criterion: 'average-precision', ranking: expect.any(Array) }],
      });
    },
    JOB_TIMEOUT_MS,
  );

  it(
    'takes what analysts said of alarms as labels where asked to, and says when that is too little',
    async () => {
      const body = { models: ['isolation-forest'], configurations: 3, verdicts: true };
      const [right, wrong] = trainingRows(ROWS);
      await judge(right!, 'true_positive');
      const { error } = await ended(await start('/pipelines/tune', body));
      expect(error).toContain('judged alarms of 1 users, but not both right and false ones');
      await judge(wrong!, 'false_positive');
      const { result } = await ended(await start('/pipelines/tune', body));
      expect(result).toMatchObject({
        rows: { archived: ROWS, labelled: 2, labelsNotFound: 0 },
        models: [{ criterion: 'average-precision' }],
      });
    },
    2 * JOB_TIMEOUT_MS,
  );

  it('refuses labels of one kind, models it does not know, and options that are none', async () => {
    const oneKind = await call('POST', '/pipelines/tune', { labels: [{ user: 'a', seq: 1, anomaly: true }] });
    expect(oneKind).toMatchObject({ status: 400, body: { error: { code: 'LIMINAL_ERR_HTTP_INVALID' } } });
    expect(JSON.stringify(oneKind.body)).toContain('at least one anomaly and one normal row');
    expect((await call('POST', '/pipelines/tune', { models: ['random-forest'] })).status).toBe(400);
    const options = { autoencoder: { steps: 0 } };
    expect((await call('POST', '/pipelines/train', { options })).status).toBe(400);
    expect((await call('POST', '/pipelines/train', { options: { autoencoder: { depth: 3 } } })).status).toBe(400);
  });

  it(
    'can be cancelled while it runs and while it waits',
    async () => {
      const running = await start('/pipelines/tune', { configurations: 200 });
      const waiting = await start('/pipelines/tune', { configurations: 200 });
      await vi.waitFor(async () => expect((await jobOf(running)).progress?.ratio).toBeGreaterThan(0.05), {
        timeout: JOB_TIMEOUT_MS,
        interval: 50,
      });
      expect(await call('DELETE', `/jobs/${waiting}`)).toEqual({
        status: 202,
        body: { job: waiting, cancelled: 'waiting' },
      });
      expect(await call('DELETE', `/jobs/${running}`)).toMatchObject({ body: { cancelled: 'running' } });
      expect(await ended(running)).toMatchObject({ state: 'failed', error: 'cancelled on request', result: null });
      expect(await call('DELETE', `/jobs/${running}`)).toMatchObject({
        status: 409,
        body: { error: { code: 'LIMINAL_ERR_JOB_ENDED' } },
      });
      expect(await call('GET', `/jobs/${waiting}`)).toMatchObject({
        status: 404,
        body: { error: { code: 'LIMINAL_ERR_JOB_UNKNOWN' } },
      });
    },
    2 * JOB_TIMEOUT_MS,
  );
});

describe('POST /pipelines/optimize', () => {
  it(
    'stores variants and a report on them, as JSON and as a page',
    async () => {
      const models = ['isolation-forest', 'autoencoder'];
      const { result, error } = await ended(await start('/pipelines/optimize', { models, maxRows: 400 }));
      expect(error).toBeNull();
      const { report: id, release } = result as unknown as { report: string; release: string };
      const report = (await call('GET', `/reports/${id}`)).body as OptimisationReport;
      expect(report).toMatchObject({ id, release, rows: { source: 'archive', compared: 400, labelled: 0 } });
      expect(report.models.map(({ model, variants }) => [model, variants.map(({ kind }) => kind)])).toEqual([
        ['isolation-forest', ['original', 'graph-basic', 'graph-extended']],
        [
          'autoencoder',
          ['original', 'graph-basic', 'graph-extended', 'int8-weights', 'int8-static', 'float16-weights'],
        ],
      ]);
      for (const { model, variants } of report.models) {
        for (const { kind, file, sizeBytes, latencies } of variants) {
          expect(latencies.map(({ batchRows }) => batchRows)).toEqual([1, 32, 1024]);
          if (kind === 'original') continue;
          expect(file).toBe(reportKeys.variant(id, model, kind));
          expect((await store.get(file!)).byteLength).toBe(sizeBytes);
        }
      }
      expect((await call('GET', '/reports')).body).toEqual({ reports: [id] });
      const page = await fetch(`${kenning.url}/reports/${id}/html`);
      expect(page.headers.get('content-type')).toContain('text/html');
      expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
      expect(await page.text()).toContain(`<code>${release}</code>`);
    },
    JOB_TIMEOUT_MS,
  );

  it('refuses releases, models and reports that are not there', async () => {
    const unknown = { release: 'r-20200101T000000-00000000' };
    expect(await call('POST', '/pipelines/optimize', unknown)).toMatchObject({
      status: 404,
      body: { error: { code: 'LIMINAL_ERR_RELEASE_UNKNOWN' } },
    });
    const { releases } = (await call('GET', '/releases')).body as { releases: ReleaseManifest[] };
    const withoutLstm = releases.find(({ models }) => !models.some(({ name }) => name === 'lstm'))!;
    expect(withoutLstm.leftOut).toMatchObject([{ name: 'lstm' }]);
    const lstmOf = (release?: string) => call('POST', '/pipelines/optimize', { models: ['lstm'], release });
    expect(await lstmOf(withoutLstm.id)).toMatchObject({
      status: 400,
      body: { error: { code: 'LIMINAL_ERR_RELEASE_WITHOUT_MODEL' } },
    });
    expect(await lstmOf()).toMatchObject({
      status: 400,
      body: { error: { code: 'LIMINAL_ERR_MODEL_WITHOUT_VARIANTS' } },
    });
    for (const path of ['/reports/o-20200101T000000-00000000', '/reports/o-20200101T000000-00000000/html']) {
      expect(await call('GET', path)).toMatchObject({
        status: 404,
        body: { error: { code: 'LIMINAL_ERR_REPORT_UNKNOWN' } },
      });
    }
  });
});

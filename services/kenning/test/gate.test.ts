import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openModelStore } from '@liminal/shared/adapters/model-store';
import { modelStoreEnvironment, toModelStoreSettings } from '@liminal/shared/adapters/model-store-settings';
import { FEATURE_COUNT, VECTOR_LENGTH } from '@liminal/shared/contracts/feature-vector';
import { GATE_CHECKS, type GateReport } from '@liminal/shared/contracts/gate';
import { verdictsKey } from '@liminal/shared/contracts/keys';
import { MODEL_INPUT_LENGTH } from '@liminal/shared/contracts/model-input';
import { anomalyId, type PredictionRecord } from '@liminal/shared/contracts/prediction-batch';
import type { SeriesAnomalyRecord } from '@liminal/shared/contracts/series-anomaly';
import { encodeJudgedAnomaly, type JudgedAnomaly, type Verdict } from '@liminal/shared/contracts/verdict';
import { parseEnvironment } from '@liminal/shared/runtime/base-config';
import { startTestRedis, type TestRedis } from '@liminal/shared/testing/redis';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ArchiveWriter } from '../src/archive/archive-writer.ts';
import type { TrainingRow } from '../src/archive/training-row.ts';
import { gateInProcess } from '../src/gate/gate-in-process.ts';
import { readJudgedRows, readJudgedVectors } from '../src/gate/judged-vectors.ts';
import { DEFAULT_RELEASE_TRAINING, trainReleaseModels } from '../src/pipelines/train-release-models.ts';
import { ReleaseRegistry } from '../src/registry/release-registry.ts';
import { factoryRows } from '../src/training/factory-rows.ts';
import { draftOf } from '../src/training/train-release.ts';
import { simulatedRows } from './trained-release.ts';

const SCRAPING = [400, -0.9, 0, 0, 400, 5_000, 0];
const USUAL = [5, 0.5, 0, 0, 5, 5_000, 0];
const log = { warn: () => {} };

let server: TestRedis;
let redis: Redis;

beforeAll(async () => {
  server = await startTestRedis();
  redis = new Redis(server.url);
});
afterAll(async () => {
  redis?.disconnect();
  await server?.stop();
});
beforeEach(() => redis.flushall());

function alarm(user: string, features: readonly number[], seq = 1): PredictionRecord {
  const values = new Float32Array(VECTOR_LENGTH).fill(5);
  values.set(features);
  const given = { scores: {}, pValue: 0.004, severity: 'warning', release: 'r-1', provisional: false } as const;
  return { user, ts: Date.UTC(2026, 0, 6, 10), seq, values, forecast: null, checked: null, ...given, scoredAt: 5 };
}

const add = (judged: JudgedAnomaly) =>
  redis.xadd(verdictsKey, '*', ...Object.entries(encodeJudgedAnomaly(judged)).flat());

const judge = (record: PredictionRecord, verdict: Verdict['verdict']) =>
  add({
    verdict: { anomaly: anomalyId(record), verdict, author: 'grace', note: '', at: 1 },
    anomaly: { entity: 'user', record, explanation: 'not-kept' },
  });

describe('judged vectors', () => {
  it('are the last of each user and kind, by the last verdict of each alarm', async () => {
    await judge(alarm('ada', SCRAPING, 1), 'true_positive');
    await judge(alarm('ada', USUAL, 2), 'expected');
    await judge(alarm('bob', USUAL, 1), 'true_positive');
    await judge(alarm('eve', USUAL, 1), 'unclear');
    await judge(alarm('ada', [7, 7, 7, 7, 7, 7, 7], 3), 'true_positive');
    await judge(alarm('bob', USUAL, 1), 'false_positive');
    const { inputs, labels } = await readJudgedVectors(redis, log);
    expect(labels).toEqual(Uint8Array.of(1, 0, 0));
    expect(inputs).toHaveLength(3 * MODEL_INPUT_LENGTH);
    // The forecast is for each release to make.
    expect([...inputs.subarray(0, FEATURE_COUNT)]).toEqual([7, 7, 7, 7, Number.NaN, 7, 7]);
    expect(inputs[MODEL_INPUT_LENGTH - 1]).toBe(600);
    expect(await readJudgedRows(redis, log)).toEqual([
      { user: 'ada', seq: 3, anomaly: true },
      { user: 'ada', seq: 2, anomaly: false },
      { user: 'bob', seq: 1, anomaly: false },
    ]);
  });

  it('leave out anomalies of series', async () => {
    const record = { measure: 'requests', scope: 'platform', group: null, minute: 1, value: 9, expected: 3 };
    const band = { expectedLow: 1, expectedHigh: 5, score: 4, severity: 'warning', recent: [], load: [], scoredAt: 5 };
    await add({
      verdict: { anomaly: 'a', verdict: 'true_positive', author: 'grace', note: '', at: 1 },
      anomaly: { entity: 'series', record: { ...record, ...band } as SeriesAnomalyRecord },
    });
    expect((await readJudgedVectors(redis, log)).labels).toHaveLength(0);
  });
});

describe('the gate', () => {
  let directory: string;
  let parts: Pick<Parameters<typeof gateInProcess>[1], 'modelStore' | 'publicKeyFile'>;
  let champion: string;
  let challenger: string;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'liminal-gate-'));
    const env = { MODEL_STORE_URL: `file:${join(directory, 'models')}` };
    const publicKeyFile = join(directory, 'public.pem');
    parts = { modelStore: toModelStoreSettings(parseEnvironment(modelStoreEnvironment, env)), publicKeyFile };
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    await writeFile(publicKeyFile, publicKey.export({ type: 'spki', format: 'pem' }));
    const store = openModelStore(env.MODEL_STORE_URL);
    const registry = new ReleaseRegistry({ store, signingKey: privateKey, clock: Date.now, log });
    const publish = async (seed: number): Promise<string> => {
      const rows = simulatedRows({ seed: 3, platformUsers: 120 });
      const trained = await trainReleaseModels(rows, DEFAULT_RELEASE_TRAINING, { seed });
      const summary = { rows: rows.rows, users: 120, fromTs: 0, toTs: 1, sha256: String(seed).repeat(64) };
      return (await registry.publish(draftOf(trained, { summary }, false))).id;
    };
    [champion, challenger] = [await publish(1), await publish(2)];
    const archive = await ArchiveWriter.open({ store, maxRows: 100_000, clock: Date.now, log });
    const day = factoryRows({ seed: 4, platformUsers: 400 });
    const rows = day.users.map((user, row): TrainingRow => {
      const values = new Float32Array(VECTOR_LENGTH);
      values.set(day.features.subarray(row * FEATURE_COUNT, (row + 1) * FEATURE_COUNT));
      values.set(day.loadHistory.subarray(row * 33, (row + 1) * 33), FEATURE_COUNT);
      const said = { scores: {}, pValue: 0.5, severity: 'none', release: 'r-20261123T100000-0f3c9a1e' } as const;
      return { user, ts: day.ts[row]!, seq: row + 1, values, ...said };
    });
    for (let start = 0; start < rows.length; start += 2_000) {
      await archive.write(0, `${start + 1}-0`, rows.slice(start, start + 2_000));
    }
    store.close();
  }, 120_000);
  afterAll(() => rm(directory, { recursive: true, force: true }));

  async function report(): Promise<GateReport> {
    const holdOut = { rows: 1, fromTs: 0, toTs: 1 };
    const job = { requestedBy: 'test', challenger, champion, holdOut, alertRate: 0.05 };
    const context = { signal: new AbortController().signal, onProgress: () => {}, warn: () => {} };
    return gateInProcess(job, { ...parts, judged: await readJudgedVectors(redis, log) }, context);
  }
  const found = ({ checks }: GateReport, name: string) => checks.find(({ check }) => check === name)!;

  it('judges a release by all that it has to be good at', { timeout: 60_000 }, async () => {
    for (let user = 0; user < 20; user++) {
      await judge(alarm(`right-${user}`, [...SCRAPING.slice(0, 6), user / 100]), 'true_positive');
      await judge(alarm(`wrong-${user}`, [...USUAL.slice(0, 6), user / 100]), 'false_positive');
    }
    const whole = await report();
    expect(whole.checks.map(({ check }) => check).sort()).toEqual([...GATE_CHECKS].sort());
    expect(whole.checks.filter(({ passed }) => !passed)).toEqual([]);
    expect(whole.passed).toBe(true);
    const labelled = found(whole, 'labelled-separation');
    expect(labelled.challenger).toBeGreaterThan(0.9);
    expect(labelled.champion).toBeGreaterThan(0.9);
    for (const name of ['onnx-parity', 'additivity-forest']) {
      expect(found(whole, name).challenger).toBeGreaterThan(0);
      expect(found(whole, name).challenger).toBeLessThanOrEqual(1e-5);
    }
  });

  it('measures what verdicts say, and says where there are too few', { timeout: 60_000 }, async () => {
    for (let user = 0; user < 20; user++) {
      await judge(alarm(`right-${user}`, USUAL), 'true_positive');
      await judge(alarm(`wrong-${user}`, SCRAPING), 'expected');
    }
    expect(found(await report(), 'labelled-separation').challenger).toBeLessThan(0.1);
    await redis.flushall();
    const none = found(await report(), 'labelled-separation');
    expect(none).toMatchObject({ passed: true, challenger: null, because: expect.stringMatching(/^not judged/) });
  });
});

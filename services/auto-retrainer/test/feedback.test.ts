import { openTrainingQueue } from '@liminal/shared/adapters/training-queue';
import { VECTOR_LENGTH } from '@liminal/shared/contracts/feature-vector';
import { verdictsKey } from '@liminal/shared/contracts/keys';
import { anomalyId, type PredictionRecord } from '@liminal/shared/contracts/prediction-batch';
import { encodeJudgedAnomaly, type Verdict } from '@liminal/shared/contracts/verdict';
import { startTestService, type TestService } from '@liminal/shared/testing/start-service';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { service } from '../src/app.ts';
import { type ServingPlatform, servingPlatform } from './serving-platform.ts';

let platform: ServingPlatform;

beforeAll(async () => {
  platform = await servingPlatform();
});
afterAll(() => platform?.[Symbol.asyncDispose]());
beforeEach(() => platform.redis.flushall());

const alarm = (seq: number, release = platform.release): PredictionRecord => ({
  user: 'ada',
  ts: 1_000,
  seq,
  values: new Float32Array(VECTOR_LENGTH),
  forecast: null,
  checked: null,
  scores: {},
  pValue: 0.004,
  severity: 'warning',
  release,
  provisional: false,
  scoredAt: 5,
});

async function judge(record: PredictionRecord, verdict: Verdict['verdict']): Promise<void> {
  const said = { anomaly: anomalyId(record), verdict, author: 'grace', note: '', at: 1 };
  const anomaly = { entity: 'user', record, explanation: 'not-kept' } as const;
  const fields = Object.entries(encodeJudgedAnomaly({ verdict: said, anomaly })).flat();
  await platform.redis.xadd(verdictsKey, '*', ...fields);
}

interface Policy {
  last: { situation: { verdicts?: object }; decision: { reason: string } } | null;
}
const policyOf = async ({ url }: TestService): Promise<Policy> =>
  (await (await fetch(`${url}/policy`)).json()) as Policy;

describe('verdicts of analysts', () => {
  it('that find too few alarms right ask for a training, the last one of each alarm counting', async () => {
    await judge(alarm(0), 'true_positive');
    await judge(alarm(1), 'false_positive');
    await judge(alarm(2), 'expected');
    await judge(alarm(3), 'unclear');
    await judge(alarm(4, 'r-20260101T000000-00000000'), 'false_positive');
    const suppressed = { severity: 'warning', reason: 'user-threshold', rule: null } as const;
    await judge({ ...alarm(6), severity: 'none', suppressed }, 'false_positive');
    await using retrainer = await startTestService(service, {
      ...platform.env,
      PRECISION_FLOOR: '0.5',
      PRECISION_MIN_VERDICTS: '4',
    });
    const counts = (confirmed: number, judged: number) =>
      vi.waitFor(async () => {
        expect((await policyOf(retrainer)).last?.situation.verdicts).toEqual({ confirmed, judged });
      }, 5_000);
    await counts(1, 3);
    await judge(alarm(5), 'true_positive');
    await counts(2, 4);
    const queue = openTrainingQueue(platform.redis);
    expect(await queue.getJobCountByTypes('waiting')).toBe(0);
    await judge(alarm(5), 'false_positive');
    await vi.waitFor(async () => expect(await queue.getJobCountByTypes('waiting')).toBe(1), 5_000);
    const [job] = await queue.getWaiting();
    expect(job!.data).toMatchObject({ reason: 'feedback', promote: false });
    await queue.close();
  });
});

import { setTimeout as sleep } from 'node:timers/promises';
import { decodeAlarmPolicy } from '@liminal/shared/contracts/alarm-policy';
import type { ExplanationRecord } from '@liminal/shared/contracts/explanation';
import { encodeExplanation } from '@liminal/shared/contracts/explanation-codec';
import { FEATURE_NAMES, VECTOR_LENGTH } from '@liminal/shared/contracts/feature-vector';
import {
  alarmPolicyKey,
  anomaliesKey,
  suppressedKey,
  suppressionHitsKey,
  suppressionsKey,
} from '@liminal/shared/contracts/keys';
import { anomalyId, encodePredictions, type PredictionRecord } from '@liminal/shared/contracts/prediction-batch';
import type { Suppression } from '@liminal/shared/contracts/suppression';
import { startTestRedis, type TestRedis } from '@liminal/shared/testing/redis';
import { startTestService, type TestService } from '@liminal/shared/testing/start-service';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { service } from '../src/app.ts';

const DAY_MS = 86_400_000;
let server: TestRedis;
let redis: Redis;
let backend: TestService;

beforeAll(async () => {
  server = await startTestRedis();
  redis = new Redis(server.url);
  backend = await startTestService(service, { REDIS_URL: server.url, PRECISION_MIN_VERDICTS: '4' });
});
afterAll(async () => {
  await backend?.stop();
  redis?.disconnect();
  await server?.stop();
});
// The backend remembers the verdicts that it has read: each test has users of its own.
afterEach(() => redis.del(anomaliesKey, suppressionsKey, suppressedKey, suppressionHitsKey));

interface Answer<Body = { error: { code: string; message: string; details: Record<string, unknown> } }> {
  status: number;
  body: Body;
}
async function call<Body = Answer['body']>(method: string, path: string, body?: unknown): Promise<Answer<Body>> {
  const response = await fetch(backend.url + path, {
    method,
    ...(body !== undefined && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
  return { status: response.status, body: (await response.json()) as Body };
}

let users = 0;
const newUser = (): string => `user-${users++}`;

function alarm(
  user: string,
  change: Partial<PredictionRecord> & { requests?: number; day?: number } = {},
): PredictionRecord {
  const { requests = 120, day = 0, ...fields } = change;
  const values = new Float32Array(VECTOR_LENGTH).fill(1);
  values[0] = requests;
  return {
    user,
    ts: Date.UTC(2026, 10, 1) + day * DAY_MS,
    seq: day + 1,
    values,
    forecast: null,
    checked: null,
    scores: { 'isolation-forest': { score: 0.7, pValue: 0.004 }, autoencoder: { score: 0.1, pValue: 0.4 } },
    pValue: 0.004,
    severity: 'warning',
    release: 'r1',
    provisional: false,
    scoredAt: 5,
    ...fields,
  };
}

async function write(...records: PredictionRecord[]): Promise<string[]> {
  for (const record of records) await redis.xadd(anomaliesKey, '*', 'b', encodePredictions([record]));
  return records.map(anomalyId);
}

interface Taken {
  effect: { suppression: string | null; ended: string[]; because: string };
}
const judge = (id: string, verdict: string, more: object = {}) =>
  call<Taken>('POST', `/ml/anomalies/${id}/verdict`, { verdict, author: 'grace', ...more });
const policy = async () => decodeAlarmPolicy((await redis.hget(alarmPolicyKey, 'policy'))!);
const inDays = (days: number): string => new Date(Date.now() + days * DAY_MS).toISOString();
const ruleFor = (user: string | null, change: object = {}) => ({
  user,
  features: { requests_per_user: { min: 100, max: 200 } },
  expiresAt: inDays(10),
  reason: 'nightly export',
  author: 'ada',
  ...change,
});
type Served = Suppression & { state: string; hits: number; lastHitTs: number | null };
interface Entry {
  id: string;
  author: string;
  automatic: boolean;
  entity: string;
  action: string;
  subject: string;
  user: string | null;
  because: string;
  before: unknown;
  after: unknown;
}
const audit = async (query: string) =>
  (await call<{ entries: Entry[]; next: string | null }>('GET', `/ml/audit?${query}`)).body;

describe('a suppression rule', () => {
  test('is taken, told to the predictor, listed with its hits, changed and taken back, and all of it is audited', async () => {
    const user = newUser();
    const taken = await call<Served>(
      'POST',
      '/ml/suppressions',
      ruleFor(user, { timeOfDay: { from: '22:00', to: '04:00' } }),
    );
    expect(taken).toMatchObject({ status: 201, body: { user, state: 'active', source: 'analyst', hits: 0 } });
    const { id } = taken.body;
    expect((await policy()).rules).toMatchObject([
      { id, user, features: { requests_per_user: { min: 100, max: 200 } }, timeOfDay: { from: '22:00', to: '04:00' } },
    ]);
    await redis.hset(suppressionHitsKey, { [`${id}:count`]: 3, [`${id}:last`]: 77 });
    const listed = await call<{ suppressions: Served[] }>('GET', `/ml/suppressions?user=${user}`);
    expect(listed.body.suppressions).toMatchObject([{ id, hits: 3, lastHitTs: 77 }]);

    const { revision } = await policy();
    const changed = await call<Served>('PATCH', `/ml/suppressions/${id}`, { expiresAt: inDays(20), author: 'alan' });
    expect(changed.body.untilTs).toBeGreaterThan(taken.body.untilTs);
    expect(await policy()).toMatchObject({ revision: revision + 1, rules: [{ untilTs: changed.body.untilTs }] });

    const ended = await call<Served>('DELETE', `/ml/suppressions/${id}?author=alan&note=done`);
    expect(ended.body).toMatchObject({ state: 'ended', ended: { by: 'alan', note: 'done' } });
    expect((await policy()).rules).toEqual([]);
    expect((await call<Served>('GET', `/ml/suppressions/${id}`)).body).toMatchObject({ state: 'ended', hits: 3 });
    expect((await call('DELETE', `/ml/suppressions/${id}?author=alan`)).body.error.code).toBe(
      'LIMINAL_ERR_SUPPRESSION_OVER',
    );

    const { entries } = await audit(`subject=${id}`);
    expect(entries.map(({ action, author }) => `${action} ${author}`)).toEqual([
      'end alan',
      'change alan',
      'create ada',
    ]);
    expect(entries[1]!.before).toEqual(entries[2]!.after);
    expect(entries[0]!.before).toEqual(entries[1]!.after);
    expect(entries[2]).toMatchObject({ before: null, user, automatic: false, because: 'nightly export' });
  });

  test.each<[string, number, object]>([
    ['LIMINAL_ERR_HTTP_INVALID', 400, { expiresAt: undefined }],
    ['LIMINAL_ERR_HTTP_INVALID', 400, { reason: ' ' }],
    ['LIMINAL_ERR_HTTP_INVALID', 400, { author: '' }],
    ['LIMINAL_ERR_HTTP_INVALID', 400, { features: { requests: { min: 1 } } }],
    ['LIMINAL_ERR_HTTP_INVALID', 400, { features: { ip_entropy: { min: 2, max: 1 } } }],
    ['LIMINAL_ERR_HTTP_INVALID', 400, { features: { ip_entropy: {} } }],
    ['LIMINAL_ERR_HTTP_INVALID', 400, { timeOfDay: { from: '22:00', to: '25:00' } }],
    ['LIMINAL_ERR_SUPPRESSION_EXPIRY', 400, { expiresAt: inDays(-1) }],
    ['LIMINAL_ERR_SUPPRESSION_EXPIRY', 400, { expiresAt: inDays(91) }],
    ['LIMINAL_ERR_SUPPRESSION_EXPIRY', 400, { from: inDays(11) }],
    ['LIMINAL_ERR_SUPPRESSION_EXPIRY', 400, { user: 'ada', features: {}, expiresAt: inDays(8) }],
    ['LIMINAL_ERR_SUPPRESSION_TOO_BROAD', 422, { features: {} }],
    ['LIMINAL_ERR_SUPPRESSION_TOO_BROAD', 422, { features: { requests_per_user: { min: 0 } } }],
    ['LIMINAL_ERR_SUPPRESSION_TOO_BROAD', 422, { features: { burstiness_score: { min: -1, max: 1, missing: true } } }],
    ['LIMINAL_ERR_SUPPRESSION_TOO_BROAD', 422, { features: {}, timeOfDay: { from: '01:00', to: '02:00' } }],
  ])('is refused with %s: %i %j', async (code, status, change) => {
    const answer = await call('POST', '/ml/suppressions', ruleFor(null, change));
    expect(answer).toMatchObject({ status, body: { error: { code } } });
    expect(await redis.hlen(suppressionsKey)).toBe(0);
  });

  test('for everybody is refused where it holds back the alarms of most, and its preview says so', async () => {
    await write(...Array.from({ length: 30 }, () => alarm(newUser())));
    await write(...Array.from({ length: 10 }, () => alarm(newUser(), { requests: 500 })));
    const answer = await call('POST', '/ml/suppressions', ruleFor(null));
    expect(answer).toMatchObject({ status: 422, body: { error: { code: 'LIMINAL_ERR_SUPPRESSION_TOO_BROAD' } } });
    const { reason: _, author: __, ...match } = ruleFor(null);
    const preview = await call('POST', '/ml/suppressions/preview', match);
    expect(preview.body).toMatchObject({
      alarms: 40,
      held: 30,
      users: 40,
      usersHeld: 30,
      confirmed: [],
      refusal: 'LIMINAL_ERR_SUPPRESSION_TOO_BROAD',
    });
    const few = { ...ruleFor(null), features: { requests_per_user: { min: 400 } } };
    expect((await call('POST', '/ml/suppressions', few)).status).toBe(201);
  });

  test('is refused where it would hold back what was confirmed', async () => {
    const user = newUser();
    const [id] = await write(alarm(user));
    await judge(id!, 'true_positive');
    expect(await call('POST', '/ml/suppressions', ruleFor(user))).toMatchObject({
      status: 409,
      body: { error: { code: 'LIMINAL_ERR_SUPPRESSION_CONFIRMED', details: { count: 1, anomaly: id } } },
    });
    expect((await call('POST', '/ml/suppressions', ruleFor(newUser()))).status).toBe(201);
  });

  test('of 201 is one too many', async () => {
    const one = (await call<Served>('POST', '/ml/suppressions', ruleFor(newUser()))).body;
    const { state: _, hits: __, lastHitTs: ___, ...rule } = one;
    const stored = Array.from({ length: 199 }, (_, index) => ({ ...rule, id: `rule-${index}`.padEnd(12, '-') }));
    await redis.hset(suppressionsKey, Object.fromEntries(stored.map((each) => [each.id, JSON.stringify(each)])));
    expect(await call('POST', '/ml/suppressions', ruleFor(newUser()))).toMatchObject({
      status: 409,
      body: { error: { code: 'LIMINAL_ERR_SUPPRESSION_TOO_MANY' } },
    });
    await call('DELETE', `/ml/suppressions/${one.id}?author=ada`);
    expect((await call('POST', '/ml/suppressions', ruleFor(newUser()))).status).toBe(201);
  });

  test('that is not there is said to be so', async () => {
    for (const answer of [
      await call('GET', '/ml/suppressions/abcdefghijkl'),
      await call('PATCH', '/ml/suppressions/abcdefghijkl', { expiresAt: inDays(1), author: 'ada' }),
      await call('DELETE', '/ml/suppressions/abcdefghijkl?author=ada'),
    ]) {
      expect(answer).toMatchObject({ status: 404, body: { error: { code: 'LIMINAL_ERR_SUPPRESSION_UNKNOWN' } } });
    }
  });

  test('of many at once are all kept, whoever is first', async () => {
    const user = newUser();
    const answers = await Promise.all(Array.from({ length: 8 }, () => call('POST', '/ml/suppressions', ruleFor(user))));
    expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(201));
    expect((await policy()).rules.filter((rule) => rule.user === user)).toHaveLength(8);
  });
});

describe('a verdict', () => {
  test('that an alarm was false holds back more of the same of that user, until it is taken back', async () => {
    const user = newUser();
    const [id] = await write(alarm(user));
    const { body } = await judge(id!, 'false_positive', { note: 'export' });
    const rule = body.effect.suppression!;
    const made = (await call<Served>('GET', `/ml/suppressions/${rule}`)).body;
    expect(made).toMatchObject({ user, source: 'false_positive', anomaly: id, reason: 'export', author: 'grace' });
    expect(made.untilTs).toBeCloseTo(Date.now() + 14 * DAY_MS, -5);
    expect(Object.keys(made.features)).toEqual([...FEATURE_NAMES]);
    expect((await policy()).rules.map((one) => one.id)).toContain(rule);

    const again = await judge(id!, 'true_positive');
    expect(again.body.effect).toMatchObject({ suppression: null, ended: [rule] });
    expect((await policy()).rules).toEqual([]);
    const { entries } = await audit(`user=${user}`);
    expect(entries.map(({ entity, action, automatic }) => `${entity} ${action} ${automatic}`)).toEqual([
      'suppression end true',
      'verdict change false',
      'suppression create true',
      'verdict create false',
    ]);
    expect(entries[1]).toMatchObject({ before: { verdict: 'false_positive' }, after: { verdict: 'true_positive' } });
  });

  test('that it was expected holds it back until then', async () => {
    const [id] = await write(alarm(newUser()));
    const expiresAt = Math.floor(Date.now() + 3 * DAY_MS);
    const { body } = await judge(id!, 'expected', { expiresAt });
    const made = (await call<Served>('GET', `/ml/suppressions/${body.effect.suppression}`)).body;
    expect(made).toMatchObject({ source: 'expected', untilTs: expiresAt });
    expect(await judge(id!, 'expected', { expiresAt: 5 })).toMatchObject({
      status: 400,
      body: { error: { code: 'LIMINAL_ERR_VERDICT_EXPIRY' } },
    });
  });

  test.each([
    ['when asked not to', 'false_positive', { suppress: false }, 'as asked for'],
    ['when it is unclear', 'unclear', {}, 'nothing is held back'],
    ['when it was right', 'true_positive', {}, 'nothing is held back'],
  ])('holds nothing back %s', async (_, verdict, more, because) => {
    const [id] = await write(alarm(newUser()));
    const { body } = await judge(id!, verdict, more);
    expect(body.effect).toEqual({ suppression: null, ended: [], because: expect.stringContaining(because) });
    expect((await policy()).rules).toEqual([]);
  });

  test('holds nothing back that is like what was right', async () => {
    const user = newUser();
    const [right, wrong] = await write(alarm(user), alarm(user, { day: 1 }));
    await judge(right!, 'true_positive');
    const { body } = await judge(wrong!, 'false_positive');
    expect(body.effect).toMatchObject({
      suppression: null,
      because: expect.stringContaining(`${right} was such an alarm`),
    });
  });

  test('is taken on what was held back, and ends the rule that came of a verdict and did it', async () => {
    const user = newUser();
    const [first] = await write(alarm(user));
    const rule = (await judge(first!, 'false_positive')).body.effect.suppression!;
    const suppressed = { severity: 'warning', reason: 'rule', rule } as const;
    const held = alarm(user, { day: 1, severity: 'none', suppressed });
    await redis.xadd(suppressedKey, '*', 'b', encodePredictions([held]));
    const listed = await call<{ suppressed: { id: string; suppressed: object }[]; next: string | null }>(
      'GET',
      `/ml/suppressed?rule=${rule}`,
    );
    expect(listed.body).toMatchObject({ suppressed: [{ id: anomalyId(held), suppressed }], next: null });
    expect((await call<{ suppressed: object[] }>('GET', '/ml/suppressed?user=nobody')).body.suppressed).toEqual([]);
    const { body } = await judge(anomalyId(held), 'true_positive');
    expect(body.effect.ended).toEqual([rule]);
  });

  test('on a pattern gives its ranges, for a rule that an analyst writes', async () => {
    const user = newUser();
    const [id] = await write(alarm(user));
    const { body } = await call<{ features: object }>('GET', `/ml/anomalies/${id}/pattern`);
    const rule = { ...ruleFor(user), features: body.features };
    expect((await call('POST', '/ml/suppressions', rule)).status).toBe(201);
    expect((await judge(id!, 'false_positive', {})).body.effect.suppression).not.toBeNull();
  });

  test('on one of many at once goes by the nearest alarm of the user that is explained', async () => {
    const user = newUser();
    const about = (value: number): ExplanationRecord => ({
      shap: {
        algorithm: 'enumeration',
        quantity: 'minus_log10_p',
        baseValue: 0,
        value: 2,
        shapValues: FEATURE_NAMES.map((_, feature) => (feature === 0 ? 2 : 0)),
        standardErrors: null,
        gap: 0,
        backgroundRows: 1,
      },
      expectations: FEATURE_NAMES.map(() => ({
        user: { low: value, median: value, high: value },
        everyone: { low: 0, median: 1, high: 2, missingRate: 0 },
      })),
      userVectors: 9,
      summaries: { en: '', ru: '' },
    });
    const writeAt = async (minute: number, explanation: ExplanationRecord | 'too-many-at-once'): Promise<string> => {
      const record = alarm(user, { ts: Date.UTC(2026, 10, 1, 2, minute), seq: minute });
      await redis.xadd(anomaliesKey, '*', 'b', encodePredictions([record]), 'x', encodeExplanation(explanation));
      return anomalyId(record);
    };
    await writeAt(2, about(50));
    const id = await writeAt(5, 'too-many-at-once');
    await writeAt(7, about(70));
    const pattern = await call<{ features: object }>('GET', `/ml/anomalies/${id}/pattern`);
    expect(pattern.body.features).toMatchObject({ requests_per_user: { min: 70, max: 150 } });
    const { body } = await judge(id, 'false_positive', {});
    const rule = await call<Suppression>('GET', `/ml/suppressions/${body.effect.suppression}`);
    expect(rule.body.features.requests_per_user).toEqual({ min: 70, max: 150, missing: false });
    // What was kept with the verdict is what was judged.
    expect(await call('GET', `/ml/anomalies/${id}`)).toMatchObject({
      body: { anomaly: { unexplained: 'too-many-at-once' } },
    });
  });

  test('moves the rate of a user who is wrongly alarmed about again and again, which is shown, audited and reset', async () => {
    const user = newUser();
    const ids = await write(...[0, 1, 2].map((day) => alarm(user, { day })));
    for (const id of ids) await judge(id, 'false_positive', { suppress: false });
    expect((await policy()).thresholds.users).toContainEqual([user, 1 / 4]);
    interface Shown {
      users: { user: string; rate: number; falseEpisodes: number }[];
    }
    const shown = await call<Shown>('GET', '/ml/thresholds');
    expect(shown.body.users.find((one) => one.user === user)).toMatchObject({ rate: 0.0025, falseEpisodes: 3 });
    const { entries } = await audit(`subject=${encodeURIComponent(`user:${user}`)}`);
    expect(entries.map(({ author, automatic, before, after }) => [author, automatic, before, after])).toEqual([
      ['liminal', true, { factor: 1 / 2 }, { factor: 1 / 4 }],
      ['liminal', true, { factor: 1 }, { factor: 1 / 2 }],
    ]);
    const reset = await call<Shown>('POST', '/ml/thresholds/reset', { user, author: 'ada', note: 'new job' });
    expect(reset.body.users.map((one) => one.user)).not.toContain(user);
    expect((await policy()).thresholds.users.map(([name]) => name)).not.toContain(user);
    expect((await audit(`user=${user}&entity=threshold&automatic=false`)).entries).toMatchObject([
      { action: 'reset', author: 'ada', because: 'new job' },
    ]);
  });

  test('is measured: precision by model and severity', async () => {
    const before = await precisionOf('isolation-forest');
    const ids = await write(...[0, 1, 2].map(() => alarm(newUser())));
    await judge(ids[0]!, 'true_positive');
    await judge(ids[1]!, 'false_positive');
    await judge(ids[2]!, 'unclear');
    const after = await precisionOf('isolation-forest');
    expect([after.judged - before.judged, after.confirmed - before.confirmed]).toEqual([2, 1]);
    expect((await precisionOf('autoencoder')).judged).toBe(0);
    const metrics = await (await fetch(`${backend.url}/metrics`)).text();
    const series = 'liminal_backend_precision_ratio{model="isolation-forest",severity="warning"}';
    expect(metrics).toContain(`${series} ${after.confirmed / after.judged}`);
    expect(metrics).toContain(
      `liminal_backend_judged_alarms{model="isolation-forest",severity="warning",result="confirmed"} ${after.confirmed}`,
    );
  });
});

async function precisionOf(model: string): Promise<{ confirmed: number; judged: number }> {
  interface Measured {
    precision: { model: string; severity: string; confirmed: number; judged: number }[];
  }
  const { body } = await call<Measured>('GET', '/ml/precision');
  return body.precision.find((one) => one.model === model) ?? { confirmed: 0, judged: 0 };
}

describe('the audit log', () => {
  test('is read page by page, newest first', async () => {
    const author = newUser();
    for (let rule = 0; rule < 5; rule++) await call('POST', '/ml/suppressions', ruleFor(newUser(), { author }));
    const first = await audit(`author=${author}&limit=3`);
    const second = await audit(`author=${author}&limit=3&before=${first.next}`);
    expect([first.entries.length, second.entries.length, second.next]).toEqual([3, 2, null]);
    const ids = [...first.entries, ...second.entries].map(({ id }) => id);
    expect(new Set(ids).size).toBe(5);
    expect(await audit(`author=${author}&to=2026-01-01T00:00:00Z`)).toMatchObject({ entries: [] });
    expect((await audit(`author=${author}&from=0`)).entries).toHaveLength(5);
    expect((await audit(`author=${author}&entity=verdict`)).entries).toEqual([]);
  });

  test('refuses what it does not know', async () => {
    expect((await call('GET', '/ml/audit?entity=user')).status).toBe(400);
    expect((await call('GET', '/ml/audit?before=yesterday')).status).toBe(400);
  });
});

test('what time has changed is told to the predictor, and nothing else is', async () => {
  const user = newUser();
  const { id } = (await call<Served>('POST', '/ml/suppressions', ruleFor(user))).body;
  const over = Date.now() - 2 * 3_600_000;
  const aged = (text: string): string => text.replaceAll(/"untilTs":\d+/g, `"untilTs":${over}`);
  await redis.hset(suppressionsKey, id, aged((await redis.hget(suppressionsKey, id))!));
  await redis.hset(alarmPolicyKey, 'policy', aged((await redis.hget(alarmPolicyKey, 'policy'))!));
  const { revision } = await policy();
  // The first round comes within a second or so.
  const restart = async (): Promise<void> => {
    await using _ = await startTestService(service, { REDIS_URL: server.url, PRECISION_MIN_VERDICTS: '4' });
    await sleep(1_500);
  };
  await restart();
  expect(await policy()).toMatchObject({ revision: revision + 1, rules: [] });
  await restart();
  expect((await policy()).revision).toBe(revision + 1);
  expect((await call<Served>('GET', `/ml/suppressions/${id}`)).body.state).toBe('over');
});

test('with FEEDBACK_AUTOMATIC off a verdict is a label and no more', async () => {
  await using manual = await startTestService(service, { REDIS_URL: server.url, FEEDBACK_AUTOMATIC: 'false' });
  const user = newUser();
  for (const id of await write(...[0, 1, 2].map((day) => alarm(user, { day })))) {
    const response = await fetch(`${manual.url}/ml/anomalies/${id}/verdict`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ verdict: 'false_positive', author: 'grace' }),
    });
    expect(((await response.json()) as Taken).effect.because).toContain('FEEDBACK_AUTOMATIC');
  }
  expect(await policy()).toMatchObject({ rules: [], thresholds: { global: 1, users: [] } });
});

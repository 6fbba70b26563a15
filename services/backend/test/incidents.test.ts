import { anomaliesKey, cursorKey, incidentRanksKey, verdictsKey } from '@liminal/shared/contracts/keys';
import { anomalyId, type PredictionRecord } from '@liminal/shared/contracts/prediction-batch';
import { startTestRedis, type TestRedis } from '@liminal/shared/testing/redis';
import { startTestService, type TestService } from '@liminal/shared/testing/start-service';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { service } from '../src/app.ts';
import { IncidentStore } from '../src/incidents/incident-store.ts';
import { explanation, seriesRecord, userRecord, writeSeries, writeUsers } from './anomaly-records.ts';

interface Incident {
  id: string;
  kind: string;
  key: string;
  risk: number;
  evidence: number;
  state: string;
  anomalies: number;
  users: string[];
}

let server: TestRedis;
let redis: Redis;
let backend: TestService;

const start = (name = 'first') => startTestService(service, { REDIS_URL: server.url, INSTANCE_ID: name });

beforeAll(async () => {
  server = await startTestRedis();
  redis = new Redis(server.url);
});
beforeEach(async () => {
  await redis.flushall();
  backend = await start();
});
afterEach(() => backend.stop());
afterAll(async () => {
  redis?.disconnect();
  await server?.stop();
});

async function get<T>(path: string, from = backend): Promise<{ status: number; body: T }> {
  const response = await fetch(from.url + path);
  return { status: response.status, body: (await response.json()) as T };
}

const list = async (query = '', from = backend): Promise<Incident[]> =>
  (await get<{ incidents: Incident[] }>(`/ml/incidents?${query}`, from)).body.incidents;

/** Waits until everything in both streams is in the incidents. */
async function untilTaken(): Promise<void> {
  const ends = await new IncidentStore(redis, Date.now).readEnds();
  await vi.waitFor(
    async () => {
      const taken = await redis.hgetall(cursorKey('incidents', 0));
      expect({ anomalies: taken.anomalies ?? '0-0', verdicts: taken.verdicts ?? '0-0' }).toEqual(ends);
    },
    { timeout: 20_000, interval: 20 },
  );
}

async function judge(record: PredictionRecord, verdict: string, by = backend): Promise<void> {
  const response = await fetch(`${by.url}/ml/anomalies/${anomalyId(record)}/verdict`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      verdict,
      author: 'grace',
      ...(verdict === 'expected' && { expiresAt: Date.now() + 3_600_000 }),
    }),
  });
  expect(response.status).toBe(201);
}

let seq = 0;
const anomaly = (user: string, fields: Partial<PredictionRecord> = {}): PredictionRecord =>
  userRecord({ user, seq: seq++, ts: Date.now(), severity: 'critical', pValue: 0.0005, ...fields });

describe('GET /ml/incidents', () => {
  test('groups by user, IP and scenario, the greatest risk first', async () => {
    await writeUsers(redis, [anomaly('mallory'), anomaly('mallory'), anomaly('mallory')]);
    const ip = '203.0.113.7';
    await writeUsers(
      redis,
      ['ada', 'ben', 'cleo', 'dan'].map((user) => anomaly(user, { ip })),
      explanation([0, 0, 3]),
    );
    await writeUsers(redis, [anomaly('eve', { ip })]);
    await writeSeries(redis, seriesRecord());
    await untilTaken();
    const incidents = await list();
    expect(incidents.map(({ kind, key, anomalies }) => [kind, key, anomalies]).slice(0, 3)).toEqual([
      ['ip', ip, 5],
      ['scenario', 'ip_entropy:high', 4],
      ['user', 'mallory', 3],
    ]);
    expect(incidents).toHaveLength(8);
    expect(incidents[0]).toMatchObject({ state: 'open', severity: 'critical', critical: 5, judged: 0 });
    expect(incidents[0]!.users).toEqual(['ada', 'ben', 'cleo', 'dan', 'eve']);
    // 5 × (1 + log10(0.01 / 0.0005)) = 11.5 of evidence, of which some counts as usual.
    expect(incidents[0]!.risk).toBeGreaterThan(35);
    expect(incidents[0]!.risk).toBeLessThan(55);
    expect((await list('kind=user&user=ada')).map(({ key }) => key)).toEqual(['ada']);
    expect((await list('user=ada')).map(({ kind }) => kind)).toEqual(['ip', 'scenario', 'user']);
    expect((await list(`ip=${ip}`)).map(({ kind }) => kind)).toEqual(['ip']);
    expect(await list('minRisk=60')).toEqual([]);
    expect((await list(`minRisk=${incidents[2]!.risk - 0.1}`)).length).toBe(3);
    expect(await list(`from=${Date.now() + 60_000}`)).toEqual([]);
    expect(await list(`to=${Date.now() - 60_000}`)).toEqual([]);
  });

  test('falls with verdicts, and comes back with another one', async () => {
    const records = [anomaly('ada'), anomaly('ada'), anomaly('ada')];
    await writeUsers(redis, records);
    await untilTaken();
    const [before] = await list();
    await judge(records[0]!, 'false_positive');
    await untilTaken();
    const [lower] = await list();
    expect(lower!.evidence).toBeCloseTo((before!.evidence * 2) / 3, 1);
    await judge(records[1]!, 'true_positive');
    await untilTaken();
    expect(await list('state=confirmed')).toMatchObject([{ id: before!.id, judged: 2 }]);
    for (const record of records) await judge(record, 'expected');
    await untilTaken();
    expect(await list()).toMatchObject([{ id: before!.id, risk: 0, state: 'dismissed' }]);
    expect(await list('state=open')).toEqual([]);
    await judge(records[2]!, 'unclear');
    await untilTaken();
    expect((await list('state=open'))[0]!.risk).toBeGreaterThan(0);
  });

  test('gives all of them page by page', async () => {
    const many = Array.from({ length: 250 }, (_, index) => anomaly(`u${index}`, { pValue: 0.01 / (1 + (index % 25)) }));
    await writeUsers(redis, many);
    await untilTaken();
    const seen: Incident[] = [];
    let cursor = '';
    do {
      const { body } = await get<{ incidents: Incident[]; next: string | null }>(`/ml/incidents?limit=40${cursor}`);
      seen.push(...body.incidents);
      cursor = body.next === null ? '' : `&cursor=${body.next}`;
    } while (cursor !== '');
    expect(new Set(seen.map(({ key }) => key)).size).toBe(250);
    expect(seen).toHaveLength(250);
    const evidence = seen.map((incident) => incident.evidence);
    expect(evidence.every((value, index) => index === 0 || value <= evidence[index - 1]! + 1e-3)).toBe(true);
  });

  test('one is shown with its anomalies, and an anomaly with its incidents', async () => {
    const records = [anomaly('ada'), anomaly('ada')];
    await writeUsers(redis, records);
    await untilTaken();
    await judge(records[1]!, 'unclear');
    const [incident] = await list();
    const { body } = await get(`/ml/incidents/${incident!.id}`);
    expect(body).toMatchObject({
      incident: { id: incident!.id, kind: 'user', key: 'ada', anomalies: 2 },
      anomalies: [
        { id: anomalyId(records[1]!), verdict: 'unclear', stale: false },
        { id: anomalyId(records[0]!), verdict: null },
      ],
    });
    expect((await get(`/ml/anomalies/${anomalyId(records[0]!)}`)).body).toMatchObject({
      incidents: [{ id: incident!.id, kind: 'user' }],
    });
    await redis.del(anomaliesKey);
    expect((await get(`/ml/incidents/${incident!.id}`)).body).toMatchObject({ anomalies: [] });
    expect(await get(`/ml/incidents/${'x'.repeat(20)}`)).toMatchObject({
      status: 404,
      body: { error: { code: 'LIMINAL_ERR_INCIDENT_UNKNOWN' } },
    });
  });

  test.each([
    ['cursor=abc', 'cursor'],
    [`cursor=${Buffer.from('["incidents",["a","b"]]').toString('base64url')}`, 'cursor'],
    [`cursor=${Buffer.from('["anomalies","1-0"]').toString('base64url')}`, 'cursor'],
    ['kind=planet', 'kind'],
    ['minRisk=100', 'minRisk'],
    ['limit=201', 'limit'],
    ['from=5&to=4', 'from'],
  ])('refuses %s', async (query, path) => {
    expect(await get(`/ml/incidents?${query}`)).toMatchObject({ status: 400, body: { error: { details: { path } } } });
  });
});

describe('keeping incidents', () => {
  /** All that is kept, without when it was written. */
  async function everything(): Promise<[string, string][]> {
    const keys = (await redis.keys('incident*')).filter((key) => !key.includes('ages')).sort();
    return Promise.all(
      keys.map(async (key) => {
        const type = await redis.type(key);
        if (type === 'string') return [key, (await redis.get(key))!];
        if (type === 'hash') return [key, JSON.stringify(Object.entries(await redis.hgetall(key)).sort())];
        if (type === 'list') return [key, (await redis.lrange(key, 0, -1)).join()];
        return [key, (await redis.zrange(key, '0', '-1', 'WITHSCORES')).join()];
      }),
    );
  }

  test('comes to the same whoever did which part of it, and however often it was begun anew', {
    timeout: 120_000,
  }, async () => {
    const at = Date.now() - 3_600_000;
    const records = Array.from({ length: 450 }, (_, index) =>
      anomaly(`u${index % 40}`, {
        ts: at + index * 3_000,
        ip: `192.0.2.${index % 11}`,
        pValue: 0.01 / (1 + (index % 7)),
      }),
    );
    let running = [backend];
    for (let part = 0; part < 9; part++) {
      await writeUsers(redis, records.slice(part * 50, part * 50 + 50), explanation([0, part % 3, 1]));
      for (const record of records.slice(part * 50, part * 50 + 3)) await judge(record, 'false_positive', running[0]);
      if (part % 3 !== 2) continue;
      const next = await start(`replica-${part}`);
      await running.pop()!.stop();
      running = [next];
      backend = next;
    }
    await untilTaken();
    const wanted = await everything();
    expect(wanted.length).toBeGreaterThan(100);

    await backend.stop();
    await redis.del(...(await redis.keys('incident*')), cursorKey('incidents', 0));
    backend = await start('another');
    await untilTaken();
    expect(await everything()).toEqual(wanted);
  });

  test('refuses who was overtaken, and who does not know how far it is', async () => {
    await writeUsers(redis, [anomaly('ada')]);
    await untilTaken();
    const own = redis.duplicate();
    const store = new IncidentStore(own, Date.now);
    const cursor = await store.readCursor();
    const changes = {
      cursor: { ...cursor, anomalies: '9999999999999-0' },
      groups: new Map(),
      incidents: new Map(),
      indexed: [],
    };
    const fence = Number(await redis.get('fence:incidents:{0}'));
    await expect(store.commit(fence - 1, cursor, changes)).rejects.toThrow('belongs to another instance');
    await expect(store.commit(fence, { ...cursor, anomalies: '1-0' }, changes)).rejects.toThrow('another instance');
    expect(await store.readCursor()).toEqual(cursor);
    own.disconnect();
  });

  test('forgets what has not changed for two weeks, and finds anomalies as long as the stream has them', async () => {
    const record = anomaly('ada');
    await writeUsers(redis, [record]);
    await untilTaken();
    const own = redis.duplicate();
    const inTwoWeeks = new IncidentStore(own, () => Date.now() + 14 * 86_400_000 + 60_000);
    expect(await inTwoWeeks.forgetOld()).toBe(0);
    own.disconnect();
    expect(await list()).toEqual([]);
    expect(await redis.zcard(incidentRanksKey)).toBe(0);
    expect((await get(`/ml/anomalies/${anomalyId(record)}`)).body).toMatchObject({ incidents: [] });
  });

  test('goes on over what can not be read', async () => {
    await redis.xadd(anomaliesKey, '*', 'b', 'rubbish');
    await redis.xadd(verdictsKey, '*', 'v', '{}', 'b', 'rubbish');
    await writeUsers(redis, [anomaly('ada')]);
    await untilTaken();
    expect(await list()).toHaveLength(1);
  });
});

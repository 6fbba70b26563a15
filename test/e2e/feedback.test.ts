import type { Anomaly, Prediction } from '@liminal/shared/contracts/prediction';
import { withNightlyExports } from '@liminal/simulator/benign/nightly-export';
import { normalTraffic } from '@liminal/simulator/traffic';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { everythingIsArchived, ServiceProcess, sendUntilTaken, until } from './service-process.ts';
import { startStores } from './stores.ts';

const CALL_EVENTS = 500;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const START_MS = Date.UTC(2026, 10, 2);
const USER = 'ada.adler';
const cleanups: (() => Promise<unknown>)[] = [];
const services = new Map<string, ServiceProcess>();

beforeAll(async () => {
  const { env } = await startStores('feedback', cleanups);
  for (const name of ['backend', 'feature-extractor', 'predictor', 'kenning'] as const) {
    const service = await ServiceProcess.start(name, env);
    services.set(name, service);
    cleanups.push(() => service.kill());
  }
  await services.get('predictor')!.ready();
});

afterAll(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
});

const backend = (): ServiceProcess => services.get('backend')!;

async function call<Body>(url: string, method = 'GET', body?: object): Promise<Body> {
  const response = await fetch(url, {
    method,
    ...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(`${method} ${url}: ${JSON.stringify(answer)}`);
  return answer as Body;
}

/** The hours of the night, with an export of one user and without anything else that is strange. */
async function passNight(night: number): Promise<void> {
  const startMs = START_MS + night * DAY_MS;
  const span = { startMs, endMs: startMs + 5 * HOUR_MS };
  const events = [
    ...withNightlyExports(normalTraffic({ seed: 9, ...span, users: 60 }), [{ user: USER, host: 1 }], span),
  ];
  for (let start = 0; start < events.length; start += CALL_EVENTS) {
    await sendUntilTaken(backend(), events.slice(start, start + CALL_EVENTS));
  }
  await everythingIsArchived(backend());
}

/** Of the user, in a night, newest first. */
async function ofNight(path: 'anomalies' | 'suppressed', night: number): Promise<Anomaly[]> {
  const url = `${backend().url}/ml/${path}?limit=500&user=${USER}`;
  const found = await call<Record<'anomalies' | 'suppressed', Anomaly[]>>(url);
  return found[path].filter(({ ts }) => Math.floor((ts - START_MS) / DAY_MS) === night);
}

async function untilInForce(): Promise<void> {
  const { revision } = await call<{ revision: number }>(`${backend().url}/ml/thresholds`);
  const startedAt = performance.now();
  await until('the predictor applies what was decided', async () => {
    const state = await call<{ revision: number }>(`${services.get('predictor')!.url}/alarm-policy`);
    return state.revision >= revision;
  });
  expect(performance.now() - startedAt).toBeLessThan(5_000);
}

it('a false alarm that is told so comes no more, is kept, and alarms again once the verdict is taken back', {
  timeout: 180_000,
}, async () => {
  await passNight(0);
  const alarms = await ofNight('anomalies', 0);
  expect(alarms.length).toBeGreaterThan(20);
  const judge = (verdict: string) =>
    call<{ effect: { suppression: string; ended: string[] } }>(
      `${backend().url}/ml/anomalies/${alarms[0]!.id}/verdict`,
      'POST',
      { verdict, author: 'grace', note: 'the nightly export' },
    );
  const { effect } = await judge('false_positive');
  await untilInForce();

  // Whatever dies in between.
  await services.get('predictor')!.kill();
  await services.get('predictor')!.start();
  await services.get('predictor')!.ready();
  await passNight(1);
  const [after, held] = [await ofNight('anomalies', 1), await ofNight('suppressed', 1)];
  console.log(`alarms of the export: ${alarms.length}, after a verdict ${after.length}; ${held.length} held back`);
  expect(after.length).toBeLessThan(0.3 * (after.length + held.length));
  expect(held.length).toBeGreaterThan(20);
  expect(held.every(({ suppressed }) => suppressed?.rule === effect.suppression)).toBe(true);
  expect(held.every(({ pValue, severity }) => pValue <= 0.01 && severity === 'none')).toBe(true);
  const rule = await call<{ hits: number; lastHitTs: number; reason: string }>(
    `${backend().url}/ml/suppressions/${effect.suppression}`,
  );
  expect(rule).toMatchObject({ hits: held.length, lastHitTs: held[0]!.ts, reason: 'the nightly export' });
  const { prediction } = await call<{ prediction: Prediction }>(`${backend().url}/ml/users/${USER}`);
  expect(prediction.user).toBe(USER);

  const taken = await judge('true_positive');
  expect(taken.effect.ended).toEqual([effect.suppression]);
  await untilInForce();
  await passNight(2);
  expect((await ofNight('anomalies', 2)).length).toBeGreaterThan(20);
  expect(await ofNight('suppressed', 2)).toEqual([]);

  const { entries } = await call<{ entries: { entity: string; action: string; author: string }[] }>(
    `${backend().url}/ml/audit?user=${USER}`,
  );
  expect(entries.map(({ entity, action, author }) => `${author} ${entity} ${action}`)).toEqual([
    'grace suppression end',
    'grace verdict change',
    'grace suppression create',
    'grace verdict create',
  ]);
});

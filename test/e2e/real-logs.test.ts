import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { openLogFile } from '@liminal/launcher/import/log-file';
import { METRIC_LABELS, NODE_METRIC_LABELS } from '@liminal/shared/runtime/metric-labels';
import { DATA_SETS } from '@liminal/shared/testing/data-sets';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ServiceName, ServiceProcess, until } from './service-process.ts';
import { startStores } from './stores.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const LOGS = ['weblogs/secrepo_access_2021-10-22.log', 'auth/elastic_ec2_auth.log'].map((file) =>
  join(DATA_SETS, file),
);
/** What comes before the first own release; the rest of the day is scored by it. */
const MORNING_LINES = 400;
const SERVICES = ['kenning', 'predictor', 'feature-extractor', 'auto-retrainer', 'backend'] as const;

const missing = LOGS.filter((file) => !existsSync(file));
if (missing.length > 0) console.warn(`SKIPPED: the way of real logs, since these are not there: ${missing.join(', ')}`);

interface Releases {
  production: string | null;
  releases: { id: string; provisional: boolean; trainingData: { rows: number; users: number } }[];
}

async function usersOf(files: readonly string[]): Promise<Set<string>> {
  const users = new Set<string>();
  for (const file of files) {
    const log = await openLogFile(file, { year: undefined, now: Date.now() });
    for await (const entry of log.entries()) if ('event' in entry) users.add(entry.event.user);
  }
  return users;
}

interface Explained {
  pValue: number;
  shap: {
    baseValue: number;
    value: number;
    shapValues: Record<string, number>;
    additivity: { holds: boolean };
  };
  lime: { runs: number };
  summary: string;
}

describe.skipIf(missing.length > 0)('real logs', () => {
  const cleanups: (() => Promise<unknown>)[] = [];
  const services = new Map<ServiceName, ServiceProcess>();

  let directory: string;

  beforeAll(async () => {
    const stores = await startStores('real-logs', cleanups);
    directory = stores.directory;
    const env = {
      ...stores.env,
      // A short day of one small server: at the default of 1% there may be nothing to list.
      ANOMALY_ALERT_RATE: '0.05',
    };
    for (const name of SERVICES) {
      const service = await ServiceProcess.start(name, env);
      services.set(name, service);
      cleanups.push(() => service.kill());
    }
    for (const service of services.values()) await service.ready();
  });

  afterAll(async () => {
    for (const cleanup of cleanups.reverse()) await cleanup();
  });

  async function replay(...files: string[]): Promise<void> {
    const command = ['packages/launcher/src/bin/replay.ts', ...files, '--url', services.get('backend')!.url];
    console.log((await promisify(execFile)(process.execPath, command, { cwd: ROOT })).stdout);
    await until('everything is scored', async () => {
      const { events, vectors } = await get<Record<string, { lag: number }>>('backend', '/ml/metrics');
      return events!.lag === 0 && vectors!.lag === 0;
    });
  }

  async function get<T>(service: ServiceName, path: string): Promise<T> {
    const response = await fetch(services.get(service)!.url + path);
    if (!response.ok) throw new Error(`${service} answers ${path} with ${response.status}: ${await response.text()}`);
    return (await response.json()) as T;
  }

  it('serve the factory release at once, and say what they wait for', async () => {
    const answer = await get<{ predictions: unknown[]; waitingFor: string }>('predictor', '/predict');
    expect(answer).toEqual({ predictions: [], waitingFor: expect.stringContaining('events') });
    const { production, releases } = await get<Releases>('kenning', '/releases');
    expect(releases).toMatchObject([{ id: production, provisional: true }]);
  });

  it('become a trained release, and a prediction for every user', { timeout: 180_000 }, async () => {
    const [weblog, authlog] = LOGS as [string, string];
    const lines = (await readFile(weblog, 'utf8')).split('\n');
    const [morning, evening] = [join(directory, 'morning.log'), join(directory, 'evening.log')];
    await writeFile(morning, `${lines.slice(0, MORNING_LINES).join('\n')}\n`);
    await writeFile(evening, lines.slice(MORNING_LINES).join('\n'));
    await replay(morning, authlog);

    await until('an own release serves', async () => {
      const { production, releases } = await get<Releases>('kenning', '/releases');
      return releases.some(({ id, provisional }) => id === production && !provisional);
    });
    const { releases } = await get<Releases>('kenning', '/releases');
    expect(releases[0]!.trainingData.rows).toBeGreaterThanOrEqual(500);
    expect(releases[0]!.trainingData.users).toBeGreaterThanOrEqual(20);

    await replay(evening);
    const users = await usersOf(LOGS);
    expect(users.size).toBeGreaterThan(200);
    for (const user of users) {
      const prediction = await get<{ user: string; pValue: number }>(
        'predictor',
        `/predict/${encodeURIComponent(user)}`,
      );
      expect(prediction.user).toBe(user);
      expect(prediction.pValue).toBeGreaterThan(0);
      expect(prediction.pValue).toBeLessThanOrEqual(1);
    }

    const { anomalies } = await get<{ anomalies: { id: string; user: string; severity: string; pValue: number }[] }>(
      'backend',
      '/ml/anomalies?limit=10',
    );
    expect(anomalies.length).toBeGreaterThan(0);
    for (const { user, severity, pValue } of anomalies) console.log(`${severity} ${user} p=${pValue.toFixed(4)}`);
    expect(new Set(anomalies.map(({ id }) => id)).size).toBe(anomalies.length);
  });

  it('train again when asked, and give the model away', { timeout: 120_000 }, async () => {
    const kenning = services.get('kenning')!.url;
    const asked = await fetch(`${kenning}/pipelines/train`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ seed: 7 }),
    });
    expect(asked.status).toBe(202);
    const { job } = (await asked.json()) as { job: string };
    await until('the training is done', async () => {
      const { state, error } = await get<{ state: string; error: string | null }>('kenning', `/jobs/${job}`);
      expect(error).toBeNull();
      return state === 'completed';
    });
    const { models } = await get<{ models: { download: string; sizeBytes: number }[] }>('kenning', '/models');
    expect(models.length).toBeGreaterThanOrEqual(3);
    const file = await (await fetch(kenning + models[0]!.download)).arrayBuffer();
    expect(file.byteLength).toBe(models[0]!.sizeBytes);
    const vectors = {
      vectors: [
        [300, 0.9, 3, 0, 300, 1, 1],
        [1, 0.3, 0, 0, 1, 3600, 0],
      ],
    };
    const scored = await fetch(`${kenning}/predict`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(vectors),
    });
    const { predictions } = (await scored.json()) as { predictions: { pValue: number }[] };
    expect(predictions[0]!.pValue).toBeLessThan(predictions[1]!.pValue);
  });

  it('say why a prediction is what it is', async () => {
    const { anomalies } = await get<{ anomalies: { user: string; summary: string | null }[] }>(
      'backend',
      '/ml/anomalies?limit=5&lang=ru',
    );
    for (const { user, summary } of anomalies) console.log(`${user}: ${summary}`);
    expect(anomalies.some(({ summary }) => /[а-я]/.test(summary ?? ''))).toBe(true);
    const user = encodeURIComponent(anomalies[0]!.user);
    const explained = await get<Explained>('predictor', `/explain/${user}?method=all`);
    const { baseValue, value, shapValues, additivity } = explained.shap;
    expect(additivity.holds).toBe(true);
    const shares = Object.values(shapValues).reduce((sum, share) => sum + share, 0);
    expect(Math.abs(baseValue + shares - value)).toBeLessThanOrEqual(1e-5 * Math.max(Math.abs(value), 1));
    expect(value).toBeCloseTo(-Math.log10(explained.pValue), 4);
    expect(explained.lime.runs).toBe(5);
    expect(explained.summary).toMatch(/[a-z]/);
  });

  it.each([
    ['too few features', 400, { features: [1, 2, 3] }, '7'],
    ['a number that is no float32', 400, { features: [1e39, 0, 0, 0, 0, 0, 0] }, 'float32'],
    ['an unknown user', 404, { user: 'nobody at all' }, 'nobody at all'],
    ['an unknown method', 400, { features: [1, 0, 0, 0, 0, 0, 0], method: 'guess' }, 'shap'],
    ['10,000 vectors', 413, { vectors: Array(10_000).fill([1, 0, 0, 0, 0, 0, 0]) }, '32'],
  ])('refuse to explain %s', async (_, status, body, named) => {
    const headers = { 'content-type': 'application/json' };
    const url = `${services.get('predictor')!.url}/explain`;
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
    expect(response.status).toBe(status);
    const { error } = (await response.json()) as { error: { message: string; requestId: string } };
    expect(error.message).toContain(named);
    expect(error.requestId).not.toBe('');
  });

  it('leave no trace of users or addresses in the metrics', async () => {
    const users = await usersOf(LOGS);
    const allowed = new Set<string>([...Object.keys(METRIC_LABELS), ...NODE_METRIC_LABELS, 'le']);
    for (const { name, url } of services.values()) {
      const text = await (await fetch(`${url}/metrics`)).text();
      const labels = [...text.matchAll(/[{,]([a-z_]+)="((?:[^"\\\n]|\\.)*)"/g)];
      expect(labels.length, name).toBeGreaterThan(0);
      expect(labels.filter(([, label]) => !allowed.has(label!)).map(([, label]) => label)).toEqual([]);
      // A user of the log is called 0, and so are a partition and a part of Node's version; another is called "user".
      const others = new Set<string>(['partition', 'le', 'entity', ...NODE_METRIC_LABELS]);
      const entities = labels.filter(([, label]) => label === 'entity').map(([, , value]) => value!);
      expect(entities.filter((value) => !['user', 'series'].includes(value))).toEqual([]);
      const told = labels.filter(([, label]) => !others.has(label!)).map(([, , value]) => value!);
      expect(told.filter((value) => users.has(value) || value.includes('ip:') || isIP(value) !== 0)).toEqual([]);
    }
  });

  it('answer health, readiness, metrics and documentation in all five services', async () => {
    for (const { name, url } of services.values()) {
      expect((await fetch(`${url}/health`)).status, name).toBe(200);
      expect(await get<{ ready: boolean }>(name, '/ready')).toMatchObject({ ready: true });
      expect(await (await fetch(`${url}/metrics`)).text()).toContain('liminal_http_request_duration_seconds');
      const document = await get<{ openapi: string; paths: object }>(name, '/docs/json');
      expect(document.openapi).toMatch(/^3\.1/);
      expect(Object.keys(document.paths)).toContain('/ready');
      const unknown = await fetch(`${url}/nothing`);
      expect(unknown.status).toBe(404);
      expect(await unknown.json()).toMatchObject({ error: { code: 'LIMINAL_ERR_HTTP_NOT_FOUND' } });
    }
  });
});

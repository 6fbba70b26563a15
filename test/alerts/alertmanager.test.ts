import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { ALERTS } from '../../docs/reference/alert-rules.ts';
import { readText } from '../../docs/reference/repository.ts';
import { alertmanagerProgram, startAlertmanager, WebhookReceiver } from './local-alertmanager.ts';
import type { MonitoringProcess } from './monitoring-process.ts';
import { findProgram, runProgram, skipsWithout } from './promtool.ts';

const CONFIG = 'deploy/alertmanager/alertmanager.yml';
const fromRoot = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

const program = alertmanagerProgram();
const amtool = findProgram('amtool');

type Labels = { alertname: string; job: string; severity: string; dependency?: string; reader?: string };

const alert = (alertname: string, job: string, severity: string, more: Partial<Labels> = {}): Labels => {
  const isKnown = ALERTS.some((rule) => rule.alert === alertname && rule.labels.severity === severity);
  if (!isKnown) throw new Error(`there is no ${alertname} (${severity})`);
  return { alertname, job, severity, ...more };
};

const REDIS_DOWN = alert('LiminalRedisDown', 'redis', 'critical');
const STORE_AWAY = alert('LiminalModelStoreUnreachable', 'minio', 'warning');
const down = (job: string) =>
  alert('LiminalServiceDown', job, ['kenning', 'auto-retrainer'].includes(job) ? 'warning' : 'critical');
const notReady = (job: string, dependency: string) =>
  alert('LiminalServiceNotReady', job, job === 'predictor' ? 'critical' : 'warning', { dependency });
const stalled = (reader: string) =>
  alert('LiminalEventPipeStalled', reader, reader === 'kenning' ? 'warning' : 'critical', { reader });
const BACK_PRESSURE = alert('LiminalBackPressure', 'backend', 'warning');
const BURN = alert('LiminalPredictionLatencyBurnsFast', 'predictor', 'critical');
const OLD = alert('LiminalReleaseOld', 'predictor', 'warning');
const FAILING = alert('LiminalRetrainingFailing', 'auto-retrainer', 'warning');

interface Case {
  name: string;
  source: Labels;
  silent: Labels[];
  told: Labels[];
}

const CASES: Case[] = [
  {
    name: 'Redis is down',
    source: REDIS_DOWN,
    silent: [notReady('predictor', 'redis'), stalled('predictor'), BURN],
    told: [down('backend'), STORE_AWAY, alert('LiminalRedisEvictions', 'redis', 'critical')],
  },
  {
    name: 'the predictor is down',
    source: down('predictor'),
    silent: [stalled('predictor'), BURN, OLD, notReady('predictor', 'release')],
    told: [stalled('feature-extractor'), FAILING, down('backend')],
  },
  {
    name: 'the feature-extractor is down',
    source: down('feature-extractor'),
    silent: [BACK_PRESSURE, alert('LiminalServiceNotReady', 'feature-extractor', 'critical', { dependency: 'events' })],
    told: [stalled('predictor'), BURN, down('auto-retrainer')],
  },
  {
    name: 'the feature-extractor is behind',
    source: stalled('feature-extractor'),
    silent: [BACK_PRESSURE],
    told: [stalled('predictor'), BURN],
  },
  {
    name: 'kenning is down',
    source: down('kenning'),
    silent: [stalled('kenning'), FAILING, OLD],
    told: [stalled('predictor'), BURN],
  },
  {
    name: 'the model store is away',
    source: STORE_AWAY,
    silent: [notReady('kenning', 'model store'), notReady('auto-retrainer', 'rules'), stalled('kenning'), FAILING, OLD],
    told: [notReady('predictor', 'features'), stalled('predictor'), down('backend')],
  },
  {
    name: 'an alert is critical',
    source: alert('LiminalRedisMemory', 'redis', 'critical'),
    silent: [alert('LiminalRedisMemory', 'redis', 'warning')],
    told: [STORE_AWAY],
  },
];

const statesSchema = z.array(
  z.object({
    labels: z.record(z.string(), z.string()),
    status: z.object({ state: z.enum(['unprocessed', 'active', 'suppressed']) }),
    receivers: z.array(z.object({ name: z.string() })),
  }),
);

describe('alertmanager.yml', () => {
  it('names only alerts that there are', () => {
    const names = [...readText(CONFIG).matchAll(/\bLiminal\w+\b(?!\.)/g)].map(([name]) => name);
    const known = new Set(ALERTS.map((rule) => rule.alert));
    expect(names.filter((name) => !known.has(name))).toEqual([]);
  });

  it.skipIf(skipsWithout(amtool, 'amtool', 'prometheus-alertmanager'))('is taken by amtool', async () => {
    const { isFine, output } = await runProgram(amtool!, ['check-config', fromRoot(CONFIG)]);
    expect(isFine, output).toBe(true);
  });
});

describe('start.sh', () => {
  const start = (ALERT_WEBHOOK_URL: string) =>
    promisify(execFile)('sh', [fromRoot('deploy/alertmanager/start.sh')], {
      env: { ...process.env, ALERTMANAGER: '/bin/false', ALERT_WEBHOOK_URL },
    }).catch((error: unknown) => error as { code: number; stderr: string });

  it.each(["http://x/'\n  - y", 'http://x/\ny', 'http://x y', "http://x'", 'ftp://x', 'x', 'http://'])(
    'refuses %j as a webhook',
    async (url) => {
      expect(await start(url)).toMatchObject({ code: 2, stderr: expect.stringContaining('ALERT_WEBHOOK_URL') });
    },
  );
});

describe.skipIf(skipsWithout(program, 'alertmanager', 'prometheus-alertmanager'))('Alertmanager', () => {
  let receiver: WebhookReceiver;
  let alertmanager: MonitoringProcess;

  beforeEach(async () => {
    receiver = await WebhookReceiver.start();
    alertmanager = await startAlertmanager(program!, receiver.url);
  });
  afterEach(async () => {
    await alertmanager.stop();
    await receiver.stop();
  });

  const send = async (alerts: readonly Labels[], endsAt?: string): Promise<void> => {
    const body = JSON.stringify(alerts.map((labels) => ({ labels, ...(endsAt !== undefined && { endsAt }) })));
    const headers = { 'content-type': 'application/json' };
    const { status } = await fetch(`${alertmanager.url}/api/v2/alerts`, { method: 'POST', headers, body });
    expect(status).toBe(200);
  };
  const states = async () => statesSchema.parse(await (await fetch(`${alertmanager.url}/api/v2/alerts`)).json());
  const key = (labels: Record<string, string | undefined>): string => JSON.stringify(Object.entries(labels).sort());
  const inState = async (wanted: string): Promise<string[]> =>
    (await states()).filter(({ status }) => status.state === wanted).map(({ labels }) => key(labels));

  it.each(CASES)('while $name says only what is news', async ({ source, silent, told }) => {
    await send([...silent, ...told]);
    await vi.waitFor(async () => expect(await inState('suppressed')).toEqual([]), { timeout: 5_000 });
    await send([source]);
    await vi.waitFor(async () => expect((await inState('suppressed')).sort()).toEqual(silent.map(key).sort()), {
      timeout: 5_000,
    });
    // What was silenced is told once its cause is gone.
    await send([source], new Date(Date.now() - 1_000).toISOString());
    await vi.waitFor(async () => expect(await inState('suppressed')).toEqual([]), { timeout: 5_000 });
  });

  it('wakes for what is critical, and tells nobody of what is for diagnosis', async () => {
    const info = alert('LiminalScoreDrift', 'auto-retrainer', 'info');
    await send([info, OLD, REDIS_DOWN]);
    const receivers = new Map(
      (await states()).map(({ labels, receivers: [first] }) => [labels.alertname, first!.name]),
    );
    expect(Object.fromEntries(receivers)).toEqual({
      LiminalScoreDrift: 'nobody',
      LiminalReleaseOld: 'people',
      LiminalRedisDown: 'people',
    });
    await vi.waitFor(() => expect(receiver.told).not.toEqual([]), { timeout: 30_000, interval: 100 });
    expect(receiver.told).toMatchObject([{ status: 'firing', labels: REDIS_DOWN }]);
  });

  it('runs without a webhook, and says that nobody is told', async () => {
    await using quiet = await startAlertmanager(program!, undefined);
    expect(quiet.output).toContain('nobody is told');
    expect((await fetch(`${quiet.url}/api/v2/status`)).status).toBe(200);
  });
});

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Event } from '@liminal/shared/contracts/event';
import { Random } from '@liminal/shared/runtime/random';
import { startTestRedis } from '@liminal/shared/testing/redis';
import { withNewClient } from '@liminal/simulator/drift/new-client';
import { normalTraffic, simulateTraffic } from '@liminal/simulator/traffic';
import { afterEach, describe, expect, it } from 'vitest';
import { everythingIsArchived, ServiceProcess, sendUntilTaken, until } from './service-process.ts';

const SEED = Number(process.env.SELF_CARE_SEED ?? 20_261_126);
const HOUR_MS = 3_600_000;
const USERS = 1_500;
const ALERT_RATE = 0.05;
const CALL_EVENTS = 500;
/** Hours of event time from the new client on, after which the story has to be over. */
const MOST_HOURS = 60;
const KILLABLE = ['auto-retrainer', 'kenning', 'predictor'] as const;

interface Step {
  at: number;
  step: string;
  because: string;
}
interface Rollout {
  id: string;
  reason: string;
  outcome: string | null;
  champion: string | null;
  challenger: string | null;
  steps: Step[];
}
interface HistoryEntry {
  at: string;
  pointer: string;
  action: string;
  release: string;
  previous: string | null;
  reason: string;
}

/** A whole platform of processes, and the clock of the traffic that is fed to it. */
class Platform {
  readonly services: Record<string, ServiceProcess>;
  readonly startMs: number;
  clockMs: number;

  private constructor(services: Record<string, ServiceProcess>, startMs: number) {
    this.services = services;
    this.startMs = startMs;
    this.clockMs = startMs;
  }

  static async start(cleanups: (() => Promise<unknown>)[], settings: Record<string, string> = {}): Promise<Platform> {
    const directory = await mkdtemp(join(tmpdir(), 'liminal-self-care-'));
    cleanups.push(() => rm(directory, { recursive: true, force: true }));
    const redis = await startTestRedis();
    cleanups.push(() => redis.stop());
    const env = {
      REDIS_URL: redis.url,
      PARTITIONS: '4',
      LEASE_MS: '1000',
      ARCHIVE_FLUSH_MS: '300',
      MODEL_STORE_URL: `file:${join(directory, 'models')}`,
      RELEASE_SIGNING_KEY_FILE: join(directory, 'private.pem'),
      RELEASE_PUBLIC_KEY_FILE: join(directory, 'public.pem'),
      RELEASE_POLL_MS: '200',
      ANOMALY_ALERT_RATE: String(ALERT_RATE),
      RECENT_ENTRIES: '5000',
      POLICY_EVERY_MS: '200',
      BOOTSTRAP_MIN_ROWS: '40000',
      DRIFT_ROUND_MINUTES: '10',
      DRIFT_CHECK_EVERY_MS: '2000',
      DRIFT_MIN_ROWS: '50000',
      COOL_DOWN_MINUTES: '0.05',
      SHADOW_VECTORS: '3000',
      SHADOW_MINUTES: '2',
      WATCH_MINUTES: '0.15',
      ...settings,
    };
    const names = ['backend', 'kenning', 'feature-extractor', 'predictor', 'auto-retrainer'] as const;
    const started = await Promise.all(names.map((name) => ServiceProcess.start(name, { ...env, INSTANCE_ID: name })));
    for (const service of started) cleanups.push(() => service.kill());
    for (const service of started) await service.ready();
    return new Platform(Object.fromEntries(started.map((service) => [service.name, service])), Date.UTC(2026, 0, 5));
  }

  /** Sends events, and waits until they are scored and archived. */
  async feed(events: Iterable<Event>): Promise<void> {
    const backend = this.services.backend!;
    let call: Event[] = [];
    for (const event of events) {
      call.push(event);
      if (call.length < CALL_EVENTS) continue;
      await sendUntilTaken(backend, call);
      call = [];
    }
    if (call.length > 0) await sendUntilTaken(backend, call);
    await everythingIsArchived(backend);
  }

  /** Undefined while the service is away. */
  async ask<Answer>(service: string, path: string): Promise<Answer | undefined> {
    try {
      const response = await fetch(this.services[service]!.url + path);
      return response.ok ? ((await response.json()) as Answer) : undefined;
    } catch {
      return undefined;
    }
  }

  async post(path: string, body: object): Promise<number> {
    const url = this.services['auto-retrainer']!.url + path;
    const headers = { 'content-type': 'application/json' };
    return (await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })).status;
  }

  async production(): Promise<{ release: string | null; isProvisional: boolean }> {
    const answer = await this.ask<{ production: string | null; releases: { id: string; provisional: boolean }[] }>(
      'kenning',
      '/releases',
    );
    const release = answer?.production ?? null;
    return { release, isProvisional: answer?.releases.find(({ id }) => id === release)?.provisional ?? true };
  }

  async rollouts(): Promise<Rollout[]> {
    return (await this.ask<{ rollouts: Rollout[] }>('auto-retrainer', '/history'))?.rollouts ?? [];
  }

  /** Scored vectors by severity, since the predictor started. */
  async scored(): Promise<{ all: number; alarms: number }> {
    const text = await (await fetch(`${this.services.predictor!.url}/metrics`)).text();
    const counts = [...text.matchAll(/^liminal_predictor_predictions_total\{severity="(\w+)"\} (\d+)/gm)];
    const all = counts.reduce((sum, [, , count]) => sum + Number(count), 0);
    const alarms = counts.reduce((sum, [, kind, count]) => (kind === 'none' ? sum : sum + Number(count)), 0);
    return { all, alarms };
  }
}

/** Normal traffic, hour by hour, with a new client from `newClientMs` on. */
function* hourly(platform: Platform, seed: number, hours: number, newClientMs: number): Generator<Event[]> {
  const { startMs } = platform;
  const endMs = startMs + hours * HOUR_MS;
  let hour: Event[] = [];
  let endOfHour = startMs + HOUR_MS;
  for (const event of withNewClient(normalTraffic({ seed, startMs, endMs, users: USERS }), newClientMs)) {
    while (Number(event.ts) >= endOfHour) {
      yield hour;
      hour = [];
      endOfHour += HOUR_MS;
    }
    hour.push(event);
  }
  yield hour;
}

const timeline = (rollout: Rollout): string =>
  rollout.steps
    .map(
      ({ at, step, because }) =>
        `  ${((at - rollout.steps[0]!.at) / 1000).toFixed(1).padStart(6)} s  ${step}: ${because}`,
    )
    .join('\n');

describe('the suite looks after its own models', () => {
  const cleanups: (() => Promise<unknown>)[] = [];

  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  /** Feeds a day, then a new client, until the story has come to its end. Calls `between` whenever it has gone a step further. */
  async function tellStory(platform: Platform, seed: number, between: (step: string) => Promise<void>) {
    const newClientMs = platform.startMs + 30 * HOUR_MS;
    let hours = 0;
    let told: Rollout | undefined;
    let steps = 0;
    let after: { hours: number; from: { all: number; alarms: number } } | undefined;
    for (const events of hourly(platform, seed, 30 + MOST_HOURS, newClientMs)) {
      await platform.feed(events);
      hours++;
      if (hours === 24) {
        const isOwn = async () => !(await platform.production()).isProvisional;
        await until('the first own release serves', isOwn, 120_000);
      }
      if (hours < 30) continue;
      if (hours === 30) {
        const drift = await platform.ask<{ drift: { isDrift: boolean } }>('auto-retrainer', '/drift');
        expect(drift?.drift.isDrift, 'drift before the new client').toBe(false);
      }
      // Between two hours of traffic the story has a moment to go on.
      for (let moment = 0; moment < 12; moment++) {
        await sleep(250);
        const found = (await platform.rollouts()).find(({ reason }) => reason === 'drift');
        if (found === undefined) continue;
        told = found;
        for (; steps < found.steps.length; steps++) await between(found.steps[steps]!.step);
      }
      if (told?.outcome === 'promoted' && after === undefined) after = { hours, from: await platform.scored() };
      if (after !== undefined && hours === after.hours + 24) break;
    }
    return { told, after, to: await platform.scored() };
  }

  it('drift → training → gate → shadow → promotion, without a hand', { timeout: 600_000 }, async () => {
    const platform = await Platform.start(cleanups);
    const { told, after, to } = await tellStory(platform, SEED, async () => {});
    if (told === undefined) throw new Error('no rollout because of drift');
    console.log(`SELF_CARE_SEED=${SEED}, rollout ${told.id}\n${timeline(told)}`);
    expect(told.steps.map(({ step }) => step)).toEqual([
      'training',
      'gating',
      'shadowing',
      'promoting',
      'watching',
      'clearing',
      'promoted',
    ]);
    const rate = (to.alarms - after!.from.alarms) / (to.all - after!.from.all);
    console.log(`alarm rate after the promotion ${(100 * rate).toFixed(2)}%, budget ${100 * ALERT_RATE}%`);
    expect(rate).toBeLessThanOrEqual(1.5 * ALERT_RATE);
    const { history } = (await platform.ask<{ history: HistoryEntry[] }>('auto-retrainer', '/history'))!;
    const moves = history.filter(({ pointer }) => pointer === 'production');
    expect(moves.map(({ action }) => action)).toEqual(['promote', 'promote', 'promote']);
    expect(moves.at(-1)).toMatchObject({ release: told.challenger, previous: told.champion });
    expect(moves.at(-1)!.reason).toMatch(/drift that raised the alarm rate/);
  });
});

import { setTimeout as sleep } from 'node:timers/promises';
import type { Event } from '@liminal/shared/contracts/event';
import { simulateTraffic } from '@liminal/simulator/traffic';
import { startAlertmanager } from '../../alerts/local-alertmanager.ts';
import { startPrometheus } from '../../alerts/local-prometheus.ts';
import { startRedisExporter } from '../../alerts/local-redis-exporter.ts';
import { everythingIsArchived, type ServiceName, ServiceProcess, sendUntilTaken, until } from '../service-process.ts';
import { startStores } from '../stores.ts';
import { Prometheus } from './prometheus.ts';

export const SERVICES = ['backend', 'kenning', 'feature-extractor', 'predictor', 'auto-retrainer'] as const;

const HOUR_MS = 3_600_000;
const HISTORY_HOURS = 24;
/** Sent while Prometheus watches, so much faster than it happened. */
const WATCHED_HOURS = 12;
/** Drift and gate look at users that are there at the same time: of fewer they say nothing. */
const USERS = 1_000;
/** None that goes on for hours: one account that never rests leaves them few others to look at. */
const ATTACKS = { scraping: 3, 'stolen-token': 3, 'channel-spam': 3 };
const CALL_EVENTS = 500;
const TURN_MS = 250;
/** In turns of people. */
const ANALYSIS_EVERY = 5;
const BEFORE_RETRAINING_MS = 25_000;
const SEED = 20_261_126;

/** Everything as in production, but that it waits for less. */
const HASTE = {
  PARTITIONS: '4',
  ARCHIVE_FLUSH_MS: '500',
  RELEASE_POLL_MS: '500',
  POLICY_EVERY_MS: '500',
  DRIFT_ROUND_MINUTES: '1',
  DRIFT_CHECK_EVERY_MS: '2000',
  COOL_DOWN_MINUTES: '0.05',
  SHADOW_VECTORS: '50',
  SHADOW_MINUTES: '0.2',
  WATCH_MINUTES: '0.1',
};

/** The embedded suite with a day behind it, and the monitoring as it is deployed. */
export class MonitoredSuite {
  readonly services: Record<ServiceName, ServiceProcess>;
  readonly #events: Iterator<Event>;
  readonly #endMs: number;
  #clockMs: number;
  #cleanups: (() => Promise<unknown>)[];
  #redisUrl: string;

  private constructor(
    services: Record<ServiceName, ServiceProcess>,
    stores: { redisUrl: string; cleanups: (() => Promise<unknown>)[] },
  ) {
    this.services = services;
    this.#redisUrl = stores.redisUrl;
    this.#cleanups = stores.cleanups;
    const startMs = Date.UTC(2026, 0, 5);
    const endMs = startMs + (HISTORY_HOURS + WATCHED_HOURS) * HOUR_MS;
    this.#events = simulateTraffic({ seed: SEED, startMs, endMs, users: USERS, attacks: ATTACKS }).events();
    this.#clockMs = startMs;
    this.#endMs = endMs;
  }

  static async start(cleanups: (() => Promise<unknown>)[]): Promise<MonitoredSuite> {
    const stores = await startStores('monitoring', cleanups, { appendFsync: 'everysec' });
    const started = await Promise.all(
      SERVICES.map((name) => ServiceProcess.start(name, { ...stores.env, ...HASTE, INSTANCE_ID: name })),
    );
    for (const service of started) cleanups.push(() => service.kill());
    for (const service of started) await service.ready();
    const services = Object.fromEntries(started.map((service) => [service.name, service])) as Record<
      ServiceName,
      ServiceProcess
    >;
    return new MonitoredSuite(services, { redisUrl: stores.env.REDIS_URL, cleanups });
  }

  /** A day of traffic at once, from which the first own release is trained. */
  async liveThroughFirstDay(): Promise<void> {
    await this.post('auto-retrainer', '/pause', { by: 'test', because: 'the whole day is to be learned of' });
    await this.#send(this.#endMs - WATCHED_HOURS * HOUR_MS);
    await everythingIsArchived(this.services.backend);
    await this.post('auto-retrainer', '/retrain', { by: 'test', because: 'a whole day is there' });
    await until(
      'a release of this platform serves',
      async () => {
        const { production, releases } = await this.ask<{
          production: string;
          releases: { id: string; provisional: boolean }[];
        }>('kenning', '/releases');
        return releases.find(({ id }) => id === production)?.provisional === false;
      },
      180_000,
    );
    await this.post('auto-retrainer', '/pause', { by: 'test', because: 'now it is on its own', paused: false });
  }

  /** Starts Prometheus, Alertmanager and the exporter, configured as they are deployed. */
  async watch(programs: Record<'prometheus' | 'alertmanager' | 'redisExporter', string>): Promise<Prometheus> {
    const exporter = await startRedisExporter(programs.redisExporter, this.#redisUrl);
    this.#cleanups.push(() => exporter.stop());
    const alertmanager = await startAlertmanager(programs.alertmanager, undefined);
    this.#cleanups.push(() => alertmanager.stop());
    const host = ({ url }: { url: string }): string[] => [new URL(url).host];
    const targets = {
      ...Object.fromEntries(SERVICES.map((name) => [name, host(this.services[name])])),
      redis: host(exporter),
      alertmanager: host(alertmanager),
    };
    const prometheus = await startPrometheus(programs.prometheus, targets, alertmanager.url);
    this.#cleanups.push(() => prometheus.stop());
    return new Prometheus(prometheus.url);
  }

  /** Hours of traffic within `durationMs`, with people and analysts who ask and judge. */
  async liveOn(durationMs: number): Promise<void> {
    const fromMs = this.#clockMs;
    const speed = (this.#endMs - fromMs) / durationMs;
    const startedAt = performance.now();
    let asked = 0;
    let isRetrained = false;
    while (performance.now() < startedAt + durationMs) {
      // Not before two scrapes: what counts up from then on is a rate.
      if (!isRetrained && performance.now() > startedAt + BEFORE_RETRAINING_MS) {
        await this.post('auto-retrainer', '/retrain', { by: 'test', because: 'a rollout is to be seen' });
        isRetrained = true;
      }
      await this.#send(fromMs + (performance.now() - startedAt) * speed);
      await this.#askAround(asked++);
      await sleep(TURN_MS);
    }
  }

  /** What became of each attempt to replace the release, for people to read. */
  async rollouts(): Promise<string> {
    const { rollouts } = await this.ask<{ rollouts: { id: string; steps: { step: string; because: string }[] }[] }>(
      'auto-retrainer',
      '/history',
    );
    return rollouts
      .map(({ id, steps }) => `${id}: ${steps.map(({ step }) => step).join(' → ')} (${steps.at(-1)!.because})`)
      .join('\n');
  }

  async ask<Answer>(service: ServiceName, path: string): Promise<Answer> {
    const response = await fetch(this.services[service].url + path);
    if (!response.ok) throw new Error(`${service} ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as Answer;
  }

  async post(service: ServiceName, path: string, body: object): Promise<void> {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(this.services[service].url + path, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
    });
    const answer = await response.text();
    if (!response.ok) throw new Error(`${service} ${path}: ${response.status} ${answer}`);
  }

  async #send(untilMs: number): Promise<void> {
    let call: Event[] = [];
    while (this.#clockMs < untilMs) {
      const { value, done } = this.#events.next();
      if (done) break;
      this.#clockMs = Number(value.ts);
      call.push(value);
      if (call.length < CALL_EVENTS) continue;
      await sendUntilTaken(this.services.backend, call);
      call = [];
    }
    if (call.length > 0) await sendUntilTaken(this.services.backend, call);
  }

  /** What analysts and other programs ask while they work. */
  async #askAround(turn: number): Promise<void> {
    const features = { requests_per_user: 300, ip_entropy: 3.2, jwt_usage_patterns: 1 };
    await this.post('predictor', '/predict', { features });
    await this.post('predictor', '/explain', { features });
    await this.post('kenning', '/predict', { vectors: [{ features }] });
    await this.ask('auto-retrainer', '/drift');
    await this.ask('auto-retrainer', '/history');
    await this.ask('backend', '/ml/metrics');
    const { anomalies } = await this.ask<{ anomalies: { id: string; entity: string }[] }>(
      'backend',
      '/ml/anomalies?limit=50',
    );
    const anomaly = anomalies.filter(({ entity }) => entity === 'user')[turn % 20];
    if (anomaly === undefined) return;
    const verdict = (['true_positive', 'false_positive', 'expected', 'unclear'] as const)[turn % 4];
    const said = { verdict, author: 'test', ...(verdict === 'expected' && { expiresAt: Date.now() + HOUR_MS }) };
    await this.post('backend', `/ml/anomalies/${anomaly.id}/verdict`, said);
    if (turn % ANALYSIS_EVERY === 0) await this.post('backend', `/ml/anomalies/${anomaly.id}/analysis`, {});
  }
}

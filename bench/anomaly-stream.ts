import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { encodeExplanation } from '@liminal/shared/contracts/explanation-codec';
import { FEATURE_NAMES, VECTOR_LENGTH } from '@liminal/shared/contracts/feature-vector';
import { anomaliesKey } from '@liminal/shared/contracts/keys';
import { encodePredictions } from '@liminal/shared/contracts/prediction-batch';
import { startTestRedis } from '@liminal/shared/testing/redis';
import { Redis } from 'ioredis';
import { ServiceProcess } from '../test/e2e/service-process.ts';
import { hashOf, type SseClientsCommand, type SseClientsReport } from './peers/sse-clients.ts';

export const name = 'live stream of anomalies: 1,000 clients on one backend, some of which do not keep up';

const CLIENTS = 1_000;
const SLOW = 10;
/** Anomalies a second: of 1,500 users who are active at the same time and raise alarms at 1%, there is one. */
const RATE = 10;
const SECONDS = Math.min(Number(process.env.BENCH_SECONDS ?? 30), 60);
/** To fill what the machine holds for clients that do not read, 2 to 6 MB each. */
const BURST_RATE = 40;
const MOST_BURST_SECONDS = 120;
const CATCH_UP_MS = 120_000;
/** Unit of /proc/<pid>/stat: fixed at 100 a second on Linux. */
const CLOCK_TICKS = 100;

export async function run(): Promise<void> {
  const server = await startTestRedis();
  const redis = new Redis(server.url);
  const clients = fork(new URL('./peers/sse-clients.ts', import.meta.url));
  const backend = await ServiceProcess.start('backend', { REDIS_URL: server.url });
  try {
    await backend.ready();
    const alone = await residentMegabytes(backend.pid);
    const url = `${backend.url}/ml/anomalies/stream`;
    await ask(clients, { do: 'open', url, clients: CLIENTS, slow: SLOW });
    const connected = await residentMegabytes(backend.pid);
    const idle = await cpuShare(backend.pid, () => sleep(5_000));
    console.log(
      `${thousands(CLIENTS)} clients connected: ${connected} MB, of which ${alone} without any; idle ${percent(idle)} of a core`,
    );

    const ids: string[] = [];
    await maxLagMs(backend);
    const busy = await cpuShare(backend.pid, () => write(redis, ids, RATE, SECONDS));
    const steady = await report(clients, ids);
    console.log(
      `${RATE} anomalies a second for ${SECONDS} s, ${thousands(RATE * CLIENTS)} events a second: ${percent(busy)} of a core, ` +
        `${await residentMegabytes(backend.pid)} MB, event loop held at most ${await maxLagMs(backend)} ms; ` +
        `written to arrived p50 ${quantile(steady.latencies, 0.5)} ms, p99 ${quantile(steady.latencies, 0.99)} ms`,
    );

    const startedAt = performance.now();
    let peak = 0;
    while ((await droppedAsSlow(backend)) < SLOW) {
      if (performance.now() - startedAt > MOST_BURST_SECONDS * 1_000) throw new Error('slow clients were not dropped');
      await write(redis, ids, BURST_RATE, 1);
      peak = Math.max(peak, await residentMegabytes(backend.pid));
    }
    await write(redis, ids, RATE, 1);
    const dropped = await droppedAsSlow(backend);
    await ask(clients, { do: 'resume-slow' });
    const { hashes, ended } = await report(clients, ids);
    const expected = hashOf(ids);
    const lossless = hashes.slice(SLOW).filter((hash) => hash === expected).length;
    console.log(
      `${thousands(ids.length)} anomalies in all: ${thousands(lossless)} of ${thousands(CLIENTS - SLOW)} clients that read have ` +
        `every id once and in order; ${dropped} of ${SLOW} that did not read were dropped, at most ${peak} MB`,
    );
    const complete = hashes.slice(0, SLOW).filter((hash) => hash === expected).length;
    console.log(
      `the dropped ones read again: ${ended} were given an id to resume from, ${complete} of ${SLOW} have every id once and in order`,
    );
    if (lossless < CLIENTS - SLOW || dropped > SLOW || complete < SLOW || ended < SLOW) {
      throw new Error('events were lost, or clients that read were dropped');
    }
  } finally {
    clients.kill('SIGKILL');
    await backend.kill();
    redis.disconnect();
    await server.stop();
  }
}

async function ask(clients: ChildProcess, command: SseClientsCommand): Promise<unknown> {
  clients.send(command);
  const [{ answer, error }] = (await once(clients, 'message')) as [{ answer?: unknown; error?: string }];
  if (error !== undefined) throw new Error(error);
  return answer;
}

const report = (clients: ChildProcess, ids: readonly string[]): Promise<SseClientsReport> =>
  ask(clients, { do: 'report', lastId: ids.at(-1)!, timeoutMs: CATCH_UP_MS }) as Promise<SseClientsReport>;

/** Writes anomalies as the predictor does, evenly. */
async function write(redis: Redis, ids: string[], rate: number, seconds: number): Promise<void> {
  const startedAt = performance.now();
  for (let written = 0; written < rate * seconds; written++) {
    await sleep(Math.max(0, startedAt + (1_000 * written) / rate - performance.now()));
    ids.push((await redis.xadd(anomaliesKey, '*', ...anomaly(ids.length)))!);
  }
}

/** With all that an explained anomaly carries: 2 KB as JSON. */
function anomaly(seq: number): (string | Buffer)[] {
  const numbers = Array.from({ length: FEATURE_NAMES.length }, (_, index) => index + 0.123456789);
  const span = { low: 1.25, median: 2.5, high: 9.75 };
  const record = encodePredictions([
    {
      user: `user-${seq % 500}`,
      ts: Date.now(),
      seq,
      values: new Float32Array(VECTOR_LENGTH).fill(7.25),
      forecast: { forecaster: 'lstm', load: 7.5, lower: 2, upper: 19 },
      checked: { forecaster: 'lstm', load: 7, lower: 2, upper: 19, minuteTs: Date.now(), actual: 5 },
      scores: {
        'isolation-forest': { score: 0.71234, pValue: 0.00421 },
        'one-class-svm': { score: 0.01234, pValue: 0.01421 },
        autoencoder: { score: 1.71234, pValue: 0.00821 },
        'nearest-neighbours': { score: 0.51234, pValue: 0.10421 },
      },
      pValue: 0.00821,
      severity: 'warning',
      release: 'r-20261123T100000-0f3c9a1e',
      provisional: false,
      scoredAt: Date.now(),
    },
  ]);
  const explanation = encodeExplanation({
    shap: {
      algorithm: 'enumeration',
      quantity: 'minus_log10_p',
      baseValue: 0.4,
      value: 2.1,
      shapValues: numbers,
      standardErrors: null,
      gap: 1e-9,
      backgroundRows: 1,
    },
    expectations: numbers.map(() => ({ user: span, everyone: { ...span, missingRate: 0.01 } })),
    userVectors: 32,
    summaries: { en: 'Requests per minute are 140, where this user makes 3 to 12.', ru: 'Запросов в минуту 140.' },
  });
  return ['b', record, 'x', explanation];
}

async function metrics(backend: ServiceProcess): Promise<(name: string) => number> {
  const text = await (await fetch(`${backend.url}/metrics`)).text();
  return (metric) =>
    Number(
      text
        .split('\n')
        .find((line) => line.startsWith(`${metric} `))!
        .split(' ')[1],
    );
}

const droppedAsSlow = async (backend: ServiceProcess): Promise<number> =>
  (await metrics(backend))('liminal_backend_stream_ended_total{reason="slow"}');

/** Since the last call: reading the metric starts it anew. */
const maxLagMs = async (backend: ServiceProcess): Promise<number> =>
  Math.round(1_000 * (await metrics(backend))('nodejs_eventloop_lag_max_seconds'));

async function cpuShare(pid: number, work: () => Promise<unknown>): Promise<number> {
  const [startedAt, before] = [performance.now(), await cpuSeconds(pid)];
  await work();
  return (1_000 * ((await cpuSeconds(pid)) - before)) / (performance.now() - startedAt);
}

async function cpuSeconds(pid: number): Promise<number> {
  const [, fields] = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ');
  const [user, system] = fields!.split(' ').slice(11, 13);
  return (Number(user) + Number(system)) / CLOCK_TICKS;
}

async function residentMegabytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024);
}

const quantile = (sorted: readonly number[], probability: number): number | undefined =>
  sorted[Math.min(sorted.length - 1, Math.floor(probability * sorted.length))];
const thousands = (value: number): string => value.toLocaleString('en');
const percent = (share: number): string => `${Math.round(100 * share)}%`;

if (import.meta.main) await run();

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, startTestRedis } from '@liminal/shared/testing/redis';
import autocannon from 'autocannon';
import { ServiceProcess, until } from '../test/e2e/service-process.ts';
import { findPython } from './peers/python-peer.ts';

export const name = 'POST /predict, one vector a call';

const SECONDS = Math.min(Number(process.env.BENCH_SECONDS ?? 8), 15);
const CONNECTIONS = 32;
const ROUNDS = 3;
const BODY = JSON.stringify({ features: [3.2, 0.4, 0.9, 0.2, 3.1, 3600, 0] });

export async function run(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'liminal-bench-'));
  const redis = await startTestRedis();
  const peers: ChildProcess[] = [];
  const services: ServiceProcess[] = [];
  try {
    const env = {
      REDIS_URL: redis.url,
      MODEL_STORE_URL: `file:${join(directory, 'models')}`,
      RELEASE_SIGNING_KEY_FILE: join(directory, 'private.pem'),
      RELEASE_PUBLIC_KEY_FILE: join(directory, 'public.pem'),
      OMP_NUM_THREADS: '1',
    };
    for (const service of ['kenning', 'predictor'] as const) services.push(await ServiceProcess.start(service, env));
    for (const service of services) await service.ready();
    const ours = services[1]!.url;
    // Kenning has given its release; measuring wants the cores.
    await services[0]!.kill();

    const echoPort = await freePort();
    peers.push(
      spawn(process.execPath, [fileURLToPath(new URL('./peers/echo-server.ts', import.meta.url)), String(echoPort)]),
    );
    const echo = `http://127.0.0.1:${echoPort}`;
    await until('the echo server answers', () => answers(echo));

    await load(ours, { seconds: 2 });
    await load(echo, { seconds: 2 });
    const rounds: { ours: number; echo: number }[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      rounds.push({ ours: (await load(ours, {})).perSecond, echo: (await load(echo, {})).perSecond });
    }
    const perSecond = median(rounds.map((round) => round.ours));
    const ratio = median(rounds.map((round) => round.ours / round.echo));
    console.log(
      `predictor ${thousands(perSecond)} requests a second, ${ratio.toFixed(2)} of a bare Fastify echo (aim 0.6)`,
    );
    const half = await load(ours, { rate: perSecond / 2 });
    console.log(`at half load: p50 ${half.p50} ms, p99 ${half.p99} ms (aim under 5)`);

    const python = findPython(['fastapi', 'uvicorn', 'sklearn']);
    if (python === undefined) {
      console.warn(
        'SKIPPED: FastAPI + uvicorn + scikit-learn, since no python3 has them (apt-get install python3-fastapi python3-uvicorn python3-sklearn)',
      );
      return;
    }
    const port = await freePort();
    peers.push(
      spawn(python, [fileURLToPath(new URL('./peers/fastapi_server.py', import.meta.url)), String(port)], {
        env: { ...process.env, OMP_NUM_THREADS: '1' },
      }),
    );
    const fastapi = `http://127.0.0.1:${port}`;
    await until('FastAPI answers', () => answers(fastapi));
    await load(fastapi, { seconds: 2 });
    const theirs = (await load(fastapi, {})).perSecond;
    console.log(
      `FastAPI + uvicorn + scikit-learn ${thousands(theirs)} requests a second: ours ${(perSecond / theirs).toFixed(0)}× (aim 10)`,
    );
  } finally {
    for (const peer of peers) peer.kill('SIGKILL');
    for (const service of services) await service.kill();
    await redis.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    const headers = { 'content-type': 'application/json' };
    return (await fetch(`${url}/predict`, { method: 'POST', headers, body: BODY })).ok;
  } catch {
    return false;
  }
}

async function load(url: string, { seconds = SECONDS, rate }: { seconds?: number; rate?: number }) {
  const result = await autocannon({
    url: `${url}/predict`,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: BODY,
    connections: CONNECTIONS,
    duration: seconds,
    ...(rate !== undefined && { overallRate: Math.round(rate) }),
  });
  if (result.non2xx > 0 || result.errors > 0)
    throw new Error(`${result.non2xx + result.errors} calls of ${url} failed`);
  return { perSecond: result.requests.average, p50: result.latency.p50, p99: result.latency.p99 };
}

const median = (values: number[]): number => values.sort((left, right) => left - right)[values.length >> 1]!;
const thousands = (value: number): string => Math.round(value).toLocaleString('en');

if (import.meta.main) await run();

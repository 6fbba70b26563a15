import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePort, startTestRedis } from '@liminal/shared/testing/redis';
import autocannon from 'autocannon';
import { ServiceProcess, until } from '../test/e2e/service-process.ts';
import { findPython } from './peers/python-peer.ts';

export const name = 'POST /predict, one vector a call';

const SECONDS = Math.min(Number(process.env.BENCH_SECONDS ?? 8), 15);
const CONNECTIONS = 32;
/** Short and in turn, so that a machine whose speed drifts slows both. */
const ROUNDS = 9;
const ROUND_SECONDS = 3;
const BODY = JSON.stringify({ features: [3.2, 0.4, 0.9, 0.2, 3.1, 3600, 0] });
const WRK_SCRIPT = `wrk.method = "POST"; wrk.body = '${BODY}'; wrk.headers["content-type"] = "application/json"`;

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

    const script = join(directory, 'post.lua');
    await writeFile(script, WRK_SCRIPT);
    const perSecondOf = (url: string) => requestsPerSecond(url, script);
    await perSecondOf(ours);
    await perSecondOf(echo);
    const rounds: { ours: number; echo: number }[] = [];
    for (let count = 0; count < ROUNDS; count++) {
      rounds.push({ ours: await perSecondOf(ours), echo: await perSecondOf(echo) });
    }
    const perSecond = median(rounds.map((round) => round.ours));
    const ratio = median(rounds.map((round) => round.ours / round.echo));
    console.log(
      `predictor ${thousands(perSecond)} requests a second, ${ratio.toFixed(2)} of a bare Fastify echo (aim 0.6)`,
    );
    const half = await latencies(ours, perSecond / 2);
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
    await perSecondOf(fastapi);
    const theirs = await perSecondOf(fastapi);
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

/** By wrk, which takes less of the other core than a client in JavaScript, whose own limit this would be. */
async function requestsPerSecond(url: string, script: string): Promise<number> {
  const args = ['-t1', `-c${CONNECTIONS}`, `-d${ROUND_SECONDS}`, '-s', script, `${url}/predict`];
  const { stdout } = await promisify(execFile)('wrk', args);
  const perSecond = /^Requests\/sec:\s*([\d.]+)/m.exec(stdout)?.[1];
  if (perSecond === undefined || /^\s*(Non-2xx|Socket errors)/m.test(stdout))
    throw new Error(`calls of ${url} failed: ${stdout}`);
  return Number(perSecond);
}

/** In ms, at a fixed rate of calls a second. */
async function latencies(url: string, rate: number): Promise<{ p50: number; p99: number }> {
  const result = await autocannon({
    url: `${url}/predict`,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: BODY,
    connections: CONNECTIONS,
    duration: SECONDS,
    overallRate: Math.round(rate),
  });
  if (result.non2xx > 0 || result.errors > 0)
    throw new Error(`${result.non2xx + result.errors} calls of ${url} failed`);
  return { p50: result.latency.p50, p99: result.latency.p99 };
}

const median = (values: number[]): number => values.sort((left, right) => left - right)[values.length >> 1]!;
const thousands = (value: number): string => Math.round(value).toLocaleString('en');

if (import.meta.main) await run();

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startTestRedis } from '@liminal/shared/testing/redis';
import { ServiceProcess } from '../test/e2e/service-process.ts';

export const name = 'GET /health of kenning while it trains, beside the same when it does not';

const LIMIT_MS = 50;
const POLL_MS = 5;
const IDLE_MS = 5_000;

/** The training is that of the factory release: all models, on a day of simulated traffic (some 10,000 rows). */
export async function run(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'liminal-bench-'));
  const server = await startTestRedis();
  const kenning = await ServiceProcess.start('kenning', {
    REDIS_URL: server.url,
    MODEL_STORE_URL: `file:${join(directory, 'models')}`,
    RELEASE_SIGNING_KEY_FILE: join(directory, 'private.pem'),
    RELEASE_PUBLIC_KEY_FILE: join(directory, 'public.pem'),
    OMP_NUM_THREADS: '1',
  });
  try {
    const startedAt = performance.now();
    let isReady = false;
    void kenning.ready().then(() => {
      isReady = true;
    });
    const training = await poll(kenning.url, () => !isReady);
    console.log(`trained and released in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
    const idleUntil = performance.now() + IDLE_MS;
    const idle = await poll(kenning.url, () => performance.now() < idleUntil);
    for (const [when, latencies] of Object.entries({ training, idle })) {
      console.log(
        `  ${when.padEnd(8)} p50 ${at(latencies, 0.5)} ms, p99 ${at(latencies, 0.99)} ms, ` +
          `slowest ${at(latencies, 1)} ms of ${latencies.length} calls (limit ${LIMIT_MS})`,
      );
    }
  } finally {
    await kenning.kill();
    await server.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

/** How long each call took, in ms, ascending. */
async function poll(url: string, goesOn: () => boolean): Promise<number[]> {
  const latencies: number[] = [];
  while (goesOn()) {
    const startedAt = performance.now();
    await (await fetch(`${url}/health`)).arrayBuffer();
    latencies.push(performance.now() - startedAt);
    await sleep(POLL_MS);
  }
  return latencies.sort((left, right) => left - right);
}

const at = (sorted: readonly number[], probability: number): string =>
  sorted[Math.min(sorted.length - 1, Math.floor(probability * sorted.length))]!.toFixed(1);

if (import.meta.main) await run();

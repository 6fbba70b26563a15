import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { feedEvents } from '@liminal/launcher/feed/feed-events';
import type { Event } from '@liminal/shared/contracts/event';
import { startTestRedis } from '@liminal/shared/testing/redis';
import { simulateTraffic } from '@liminal/simulator/traffic';
import { type ServiceName, ServiceProcess } from '../test/e2e/service-process.ts';

export const name = 'memory: resident, idle and over a replay of simulated events, in MB';

const EVENTS = Number(process.env.BENCH_EVENTS ?? 2_000_000);
const USERS = 20_000;
const DAY_MS = 86_400_000;
const SAMPLES = 10;
const IDLE_LIMIT_MB = 150;
const SERVICES: readonly ServiceName[] = ['kenning', 'predictor', 'feature-extractor', 'auto-retrainer', 'backend'];

export async function run(): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'liminal-bench-'));
  const server = await startTestRedis({ appendFsync: 'everysec' });
  const services: ServiceProcess[] = [];
  try {
    const env = {
      REDIS_URL: server.url,
      MODEL_STORE_URL: `file:${join(directory, 'models')}`,
      RELEASE_SIGNING_KEY_FILE: join(directory, 'private.pem'),
      RELEASE_PUBLIC_KEY_FILE: join(directory, 'public.pem'),
      NODE_COMPILE_CACHE: join(directory, 'cache'),
      MALLOC_ARENA_MAX: '2',
      OMP_NUM_THREADS: '1',
    };
    // The first start fills the compile cache and trains the factory release; it is the second that is measured.
    for (const isMeasured of [false, true]) {
      for (const service of SERVICES) services.push(await ServiceProcess.start(service, env));
      for (const service of services) await service.ready();
      if (!isMeasured) for (const service of services.splice(0)) await service.stop();
    }
    await sleep(10_000);
    const columns = [await residentMegabytes(services)];
    const perSample = EVENTS / SAMPLES;
    let sent = 0;
    await feedEvents(counted(), {
      url: services.at(-1)!.url,
      speed: 'max',
      onProgress: () => undefined,
    });
    await sleep(20_000);
    columns.push(await residentMegabytes(services));
    print(services, columns);

    async function* counted(): AsyncGenerator<Event> {
      const endMs = Date.now();
      const traffic = simulateTraffic({ seed: 1, startMs: endMs - 2 * DAY_MS, endMs, users: USERS, attacks: 'none' });
      for (const event of traffic.events()) {
        if (sent === EVENTS) return;
        yield event;
        sent++;
        if (sent % perSample === 0) columns.push(await residentMegabytes(services));
      }
    }
  } finally {
    for (const service of services) await service.kill();
    await server.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

function print(services: readonly ServiceProcess[], columns: readonly number[][]): void {
  console.log(`idle (limit ${IDLE_LIMIT_MB}), at each tenth of ${EVENTS.toLocaleString('en')} events, and 20 s after`);
  for (const [index, { name: service }] of services.entries()) {
    const values = columns.map((column) => column[index]!);
    const half = values[1 + SAMPLES / 2]!;
    const growth = (100 * (values[SAMPLES]! - half)) / half;
    console.log(
      `  ${service.padEnd(18)} ${values.map((value) => String(value).padStart(4)).join(' ')}   ` +
        `second half ${growth.toFixed(0)}%`,
    );
  }
}

function residentMegabytes(services: readonly ServiceProcess[]): Promise<number[]> {
  return Promise.all(
    services.map(async ({ pid }) => {
      const status = await readFile(`/proc/${pid}/status`, 'utf8');
      return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024);
    }),
  );
}

if (import.meta.main) await run();

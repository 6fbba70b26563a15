import { connect, createServer, type Server, type Socket } from 'node:net';
import { startTestRedis } from '@liminal/shared/testing/redis';
import { startTestService } from '@liminal/shared/testing/start-service';
import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { service } from '../src/app.ts';
import { storedEvents } from './stored-events.ts';

const login = (id: string) => ({ kind: 'login', ts: Date.now(), user: 'ada', ip: '192.0.2.1', success: true, id });

const post = (url: string, body: unknown): Promise<Response> =>
  fetch(`${url}/events`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

test('with Redis away calls are refused, and taken again when it is back', async () => {
  await using server = await startTestRedis({ appendFsync: 'always' });
  await using backend = await startTestService(service, { REDIS_URL: server.url });
  expect((await post(backend.url, [login('before')])).status).toBe(202);
  const before = await (await fetch(`${backend.url}/metrics`)).text();
  expect(before).toContain('liminal_dependency_ready_ratio{dependency="redis"} 1');
  expect(before).toContain('liminal_backend_refusals_total{reason="LIMINAL_ERR_REDIS_AWAY"} 0');

  await server.kill();
  for (const id of ['lost-1', 'lost-2']) {
    const refused = await post(backend.url, [login(id)]);
    expect(refused.status).toBe(503);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await refused.json()).toMatchObject({
      error: { code: 'LIMINAL_ERR_REDIS_AWAY', message: expect.any(String), requestId: expect.any(String) },
    });
  }
  expect((await fetch(`${backend.url}/ready`)).status).toBe(503);
  const metrics = await fetch(`${backend.url}/metrics`);
  expect(metrics.status).toBe(200);
  const text = await metrics.text();
  expect(text).toContain('liminal_backend_refusals_total{reason="LIMINAL_ERR_REDIS_AWAY"} 2');
  expect(text).not.toContain('liminal_backend_lag_events{');
  expect(text).not.toContain('liminal_backend_oldest_waiting_seconds{');
  expect(text).toContain('liminal_dependency_ready_ratio{dependency="redis"} 0');

  await server.restart();
  await expect.poll(async () => (await fetch(`${backend.url}/ready`)).status, { timeout: 10_000 }).toBe(200);
  expect(await (await post(backend.url, [login('before'), login('after')])).json()).toEqual({
    accepted: 1,
    duplicates: 1,
  });
  const redis = new Redis(server.url);
  try {
    expect((await storedEvents(redis)).map(({ id }) => id)).toEqual(['before', 'after']);
  } finally {
    redis.disconnect();
  }
});

test('when the connection breaks before the answer, the call that is sent again stores once', async () => {
  await using server = await startTestRedis();
  const proxy = await startLosingProxy(server.port);
  const redis = new Redis(server.url);
  try {
    await using backend = await startTestService(service, { REDIS_URL: `redis://127.0.0.1:${proxy.port}` });
    // The script is known from here on.
    expect((await post(backend.url, [{ ...login('x'), id: undefined }])).status).toBe(202);
    proxy.loseNextAnswerTo('evalsha');
    const taken = await post(backend.url, [{ ...login('x'), id: undefined }]);
    expect(await taken.json()).toEqual({ accepted: 1, duplicates: 0 });
    expect(proxy.lostAnswers()).toBe(1);
    expect(await storedEvents(redis)).toHaveLength(2);
  } finally {
    redis.disconnect();
    proxy.server.close();
  }
});

interface LosingProxy {
  server: Server;
  port: number;
  /** The next command of this name reaches Redis, and its answer is lost with the connection. */
  loseNextAnswerTo(command: string): void;
  lostAnswers(): number;
}

function startLosingProxy(redisPort: number): Promise<LosingProxy> {
  let losing: string | undefined;
  let lost = 0;
  const server = createServer((client: Socket) => {
    const upstream = connect(redisPort, '127.0.0.1');
    let isDoomed = false;
    client.on('data', (bytes) => {
      if (losing !== undefined && bytes.includes(losing)) {
        isDoomed = true;
        losing = undefined;
      }
      upstream.write(bytes);
    });
    upstream.on('data', (bytes) => {
      if (!isDoomed) {
        client.write(bytes);
        return;
      }
      lost++;
      client.destroy();
    });
    client.on('close', () => upstream.destroy());
    upstream.on('close', () => client.destroy());
    for (const socket of [client, upstream]) socket.on('error', () => socket.destroy());
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
      resolve({
        server,
        port: address.port,
        loseNextAnswerTo: (command) => {
          losing = command;
        },
        lostAnswers: () => lost,
      });
    });
  });
}

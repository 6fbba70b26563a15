import liminalReporter from '@liminal/shared/fastify-reporter/plugin';
import { startTestRedis } from '@liminal/shared/testing/redis';
import { startTestService } from '@liminal/shared/testing/start-service';
import fastify from 'fastify';
import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { service } from '../src/app.ts';
import { storedEvents } from './stored-events.ts';

test('the requests of an application reach the backend once, over an outage of its Redis', async () => {
  await using server = await startTestRedis({ appendFsync: 'always' });
  await using backend = await startTestService(service, { REDIS_URL: server.url });
  const app = fastify();
  await app.register(liminalReporter, {
    url: backend.url,
    getUser: (request) => request.headers['x-user']?.toString(),
    batchSize: 20,
    flushIntervalMs: 20,
  });
  app.get('/things/:id', () => 'thing');
  const redis = new Redis(server.url);
  redis.on('error', () => undefined); // Redis is killed on purpose
  try {
    for (let index = 0; index < 30; index++)
      await app.inject({ url: `/things/${index}`, headers: { 'x-user': 'ada' } });
    await expect.poll(() => app.liminal.counters.delivered).toBe(30);

    await server.kill();
    for (let index = 0; index < 30; index++) expect((await app.inject(`/things/${index}`)).statusCode).toBe(200);
    // The backend refuses this one: it can only be told apart there.
    app.liminal.report({ kind: 'login', user: 'ada', ip: '192.0.2.1', success: true, ts: Date.now() + 3_600_000 });
    await expect.poll(() => app.liminal.counters.retries).toBeGreaterThan(0);
    await server.restart();
    await expect.poll(() => app.liminal.counters.delivered, { timeout: 10_000 }).toBe(60);
    await expect.poll(() => app.liminal.counters.dropped.invalid).toBe(1);

    const stored = await storedEvents(redis);
    expect(stored.map(({ user }) => user).sort()).toEqual([
      ...Array(30).fill('ada'),
      ...Array(30).fill('ip:127.0.0.1'),
    ]);
    expect(new Set(stored.map(({ id }) => id)).size).toBe(60);
    expect(stored[0]).toMatchObject({
      method: 'GET',
      route: '/things/:id',
      status: 200,
      durationMs: expect.any(Number),
      bytes: 5,
    });
  } finally {
    await app.close();
    redis.disconnect();
  }
});

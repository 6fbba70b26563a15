import { startTestRedis, type TestRedis } from '@liminal/shared/testing/redis';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Budget } from '../src/analysis/budget/budget.ts';

const HOUR_MS = 3_600_000;
const LIMITS = { hour: { tokens: 1_000, usd: 1 }, day: { tokens: 2_500, usd: 10 } };

let server: TestRedis;
let connections: Redis[];
beforeAll(async () => {
  server = await startTestRedis();
  connections = Array.from({ length: 5 }, () => new Redis(server.url));
});
afterAll(async () => {
  for (const redis of connections) redis.disconnect();
  await server.stop();
});
afterEach(() => connections[0]!.flushall());

const budgetAt = (now: () => number, index = 0): Budget => new Budget(connections[index]!, LIMITS, now);

test('replicas that reserve at once never have more than there is', async () => {
  const budgets = connections.map((_, index) => budgetAt(() => 0, index));
  const asked = Array.from({ length: 200 }, (_, index) => budgets[index % 5]!.reserve({ tokens: 30, usd: 0.07 }));
  const taken = (await Promise.all(asked)).filter((room) => 'reservation' in room);
  // The money ends first: 14 times 7 cents.
  expect(taken).toHaveLength(14);
  expect((await budgets[0]!.spent()).hour).toEqual({ tokens: 420, usd: expect.closeTo(0.98, 9) });
});

test('what was not used is given back, and what was used beyond is added', async () => {
  const budget = budgetAt(() => 0);
  const room = await budget.reserve({ tokens: 1_000, usd: 0.5 });
  expect(await budget.reserve({ tokens: 1, usd: 0 })).toEqual({ exceeded: 'hour-tokens' });
  if ('exceeded' in room) throw new Error(room.exceeded);
  await budget.settle(room.reservation, { tokens: 100, usd: 0.6 });
  expect(await budget.spent()).toEqual({ hour: { tokens: 100, usd: 0.6 }, day: { tokens: 100, usd: 0.6 } });
});

test('the next hour has its own room, within the day', async () => {
  let now = 0;
  const budget = budgetAt(() => now);
  const results: string[] = [];
  for (const hour of [0, 0, 1, 2, 24]) {
    now = hour * HOUR_MS;
    const room = await budget.reserve({ tokens: 900, usd: 0 });
    results.push('exceeded' in room ? room.exceeded : 'taken');
  }
  expect(results).toEqual(['taken', 'hour-tokens', 'taken', 'day-tokens', 'taken']);
});

test('a call is settled in the hour that it began in', async () => {
  let now = HOUR_MS - 1;
  const budget = budgetAt(() => now);
  const room = await budget.reserve({ tokens: 500, usd: 0.5 });
  if ('exceeded' in room) throw new Error(room.exceeded);
  now = HOUR_MS;
  await budget.settle(room.reservation, { tokens: 200, usd: 0.2 });
  expect(await budget.spent()).toEqual({ hour: { tokens: 0, usd: 0 }, day: { tokens: 200, usd: 0.2 } });
  expect(await budget.spentRatios()).toMatchObject({ hour: { usd: 0 }, day: { usd: 0.02, tokens: 0.08 } });
});

test('money that is spent does not stop what costs none', async () => {
  const budget = budgetAt(() => 0);
  await budget.reserve({ tokens: 10, usd: 1 });
  expect(await budget.reserve({ tokens: 10, usd: 0.000_001 })).toEqual({ exceeded: 'hour-usd' });
  expect(await budget.reserve({ tokens: 10, usd: 0 })).toHaveProperty('reservation');
});

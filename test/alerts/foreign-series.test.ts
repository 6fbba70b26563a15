import { startTestRedis } from '@liminal/shared/testing/redis';
import { expect, it } from 'vitest';
import { FOREIGN_SERIES } from '../../docs/reference/foreign-series.ts';
import { startPrometheus } from './local-prometheus.ts';
import { startRedisExporter } from './local-redis-exporter.ts';
import { findProgram, skipsWithout } from './promtool.ts';

const exporter = findProgram('prometheus-redis-exporter', 'redis_exporter');
const prometheus = findProgram('prometheus');

const namesIn = async (url: string): Promise<Set<string>> => {
  const text = await (await fetch(`${url}/metrics`)).text();
  return new Set([...text.matchAll(/^([a-zA-Z_:][\w:]*)/gm)].map(([name]) => name));
};

it.skipIf(skipsWithout(exporter, 'redis_exporter', 'prometheus-redis-exporter'))(
  'redis_exporter gives what rules ask it for',
  async () => {
    // With the append-only file that Compose has: without, there is no size of it.
    await using redis = await startTestRedis({ appendFsync: 'everysec' });
    await using running = await startRedisExporter(exporter!, redis.url);
    const names = await namesIn(running.url);
    const asked = [...FOREIGN_SERIES.keys()].filter((name) => name.startsWith('redis_'));
    expect(asked.length).toBeGreaterThan(0);
    expect(asked.filter((name) => !names.has(name))).toEqual([]);
  },
);

it.skipIf(skipsWithout(prometheus, 'prometheus', 'prometheus'))('Prometheus gives what rules ask it for', async () => {
  await using running = await startPrometheus(prometheus!, {}, 'http://127.0.0.1:9');
  const names = await namesIn(running.url);
  const asked = [...FOREIGN_SERIES.keys()].filter((name) => name.startsWith('prometheus_'));
  expect(asked.length).toBeGreaterThan(0);
  expect(asked.filter((name) => !names.has(name))).toEqual([]);
});

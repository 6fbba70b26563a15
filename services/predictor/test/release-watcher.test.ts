import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ModelStore, openModelStore } from '@liminal/shared/adapters/model-store';
import { type PointerName, releaseKeys } from '@liminal/shared/contracts/release';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createMetrics } from '../src/metrics.ts';
import { ReleaseWatcher } from '../src/sessions/release-watcher.ts';

const POLL_MS = 5;

describe('a pointer that can not be read', () => {
  let directory: string;
  let store: ModelStore;
  let watcher: ReleaseWatcher;
  let registry: Registry;
  let logged: string[];

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'liminal-release-watcher-'));
    store = openModelStore(`file:${directory}`);
    registry = new Registry();
    logged = [];
    vi.spyOn(store, 'get');
    watcher = new ReleaseWatcher({
      store,
      readTrustedKeys: () => Promise.reject(new Error('no release is read here')),
      pollMs: POLL_MS,
      logger: pino({}, { write: (line) => logged.push(JSON.parse(line).msg) }),
      metrics: createMetrics(registry, { partitions: () => 0 }),
      onOpen: () => Promise.resolve(),
      onReplaced: () => {},
    });
    watcher.start();
  });
  afterEach(async () => {
    await watcher.stop();
    store.close();
    await rm(directory, { recursive: true });
  });

  const looks = () => vi.mocked(store.get).mock.calls.filter(([key]) => key === releaseKeys.pointer('shadow')).length;
  const looksAgain = async (): Promise<void> => {
    const enough = looks() + 5;
    await vi.waitFor(() => expect(looks()).toBeGreaterThanOrEqual(enough), { timeout: 5_000, interval: POLL_MS });
  };
  const refused = async () => (await registry.getSingleMetric('liminal_predictor_release_loads_total')!.get()).values;

  it.each<[PointerName, string]>([
    ['production', 'could not load the release'],
    ['shadow', 'could not load the shadow release'],
  ])('%s is told once each time that it comes to that', async (name, message) => {
    await looksAgain();
    for (const times of [1, 2]) {
      await store.put(releaseKeys.pointer(name), Buffer.from('no pointer'));
      await looksAgain();
      expect(logged).toEqual(Array(times).fill(message));
      expect(await refused()).toMatchObject([{ value: times }]);
      await rm(join(directory, releaseKeys.pointer(name)));
      await looksAgain();
      expect(watcher.waitingFor).toBe('kenning is preparing the first release');
    }
  });
});

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ModelStore, openModelStore } from '@liminal/shared/adapters/model-store';
import { StoreUnreachableError } from '@liminal/shared/adapters/object-errors';
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
  const values = async (name: string, result: string) =>
    (await registry.getSingleMetric(name)!.get()).values.find(({ labels }) => labels.result === result)?.value;

  it.each<[PointerName, string]>([
    ['production', 'could not load the release'],
    ['shadow', 'could not load the shadow release'],
  ])('%s is told once each time that it comes to that', async (name, message) => {
    await looksAgain();
    for (const times of [1, 2]) {
      await store.put(releaseKeys.pointer(name), Buffer.from('no pointer'));
      await looksAgain();
      expect(logged).toEqual(Array(times).fill(message));
      expect(await values('liminal_predictor_release_loads_total', 'refused')).toBe(times);
      expect(await values('liminal_predictor_release_blocked_ratio', 'refused')).toBe(1);
      await rm(join(directory, releaseKeys.pointer(name)));
      await looksAgain();
      expect(watcher.waitingFor).toBe('kenning is preparing the first release');
      expect(await values('liminal_predictor_release_blocked_ratio', 'refused')).toBe(0);
    }
    expect(await values('liminal_predictor_release_loads_total', 'failed')).toBe(0);
  });

  it('because the store is away has failed, and was not refused', async () => {
    await looksAgain();
    const away = new StoreUnreachableError('file:away', { cause: new Error('no answer') });
    vi.mocked(store.get).mockImplementation(() => Promise.reject(away));
    await looksAgain();
    expect(await values('liminal_predictor_release_blocked_ratio', 'failed')).toBe(1);
    expect(await values('liminal_predictor_release_blocked_ratio', 'refused')).toBe(0);
    // Once for production and once for the shadow.
    expect(await values('liminal_predictor_release_loads_total', 'failed')).toBe(2);
    vi.mocked(store.get).mockRestore();
    vi.spyOn(store, 'get');
    await looksAgain();
    expect(await values('liminal_predictor_release_blocked_ratio', 'failed')).toBe(0);
    expect(await values('liminal_predictor_release_loads_total', 'refused')).toBe(0);
  });
});

import { resolve } from 'node:path';
import { ConfigError } from '@liminal/shared/runtime/base-config';
import { describe, expect, it } from 'vitest';
import { type LauncherConfig, loadConfig } from './config.ts';

function load(env: NodeJS.ProcessEnv, ...argv: string[]): LauncherConfig {
  const config = loadConfig(env, argv);
  if (config === 'help') throw new Error('only help');
  return config;
}

describe('loadConfig', () => {
  it('has a default for everything', () => {
    expect(load({})).toEqual({
      suite: {
        home: resolve('.liminal'),
        host: '127.0.0.1',
        redisPort: 6390,
        ports: { kenning: 5000, backend: 8000, 'feature-extractor': 8001, predictor: 8002, 'auto-retrainer': 8003 },
        modelStoreUrl: `file:${resolve('.liminal')}/models`,
        partitions: 8,
        logLevel: 'info',
        env: {},
      },
      feed: { kind: 'none' },
      seed: undefined,
    });
  });

  it.each([
    ['HOST', '0.0.0.0', ({ suite }: LauncherConfig) => suite.host],
    ['REDIS_PORT', 7001, ({ suite }: LauncherConfig) => suite.redisPort],
    ['KENNING_PORT', 7002, ({ suite }: LauncherConfig) => suite.ports.kenning],
    ['BACKEND_PORT', 7003, ({ suite }: LauncherConfig) => suite.ports.backend],
    ['FEATURE_EXTRACTOR_PORT', 7004, ({ suite }: LauncherConfig) => suite.ports['feature-extractor']],
    ['PREDICTOR_PORT', 7005, ({ suite }: LauncherConfig) => suite.ports.predictor],
    ['AUTO_RETRAINER_PORT', 7006, ({ suite }: LauncherConfig) => suite.ports['auto-retrainer']],
    ['LIMINAL_HOME', '/srv/liminal', ({ suite }: LauncherConfig) => suite.home],
    ['MODEL_STORE_URL', 's3://store:9000/models', ({ suite }: LauncherConfig) => suite.modelStoreUrl],
    ['PARTITIONS', 16, ({ suite }: LauncherConfig) => suite.partitions],
    ['LOG_LEVEL', 'debug', ({ suite }: LauncherConfig) => suite.logLevel],
  ])('reads %s', (name, value, read) => {
    expect(read(load({ [name]: String(value) }))).toBe(value);
  });

  it('passes everything else through to the services', () => {
    expect(load({ ANOMALY_ALERT_RATE: '0.05' }).suite.env.ANOMALY_ALERT_RATE).toBe('0.05');
  });

  it('moves all ports at once, those of the environment as well', () => {
    const { suite } = load({ BACKEND_PORT: '7000' }, '--port-offset', '100');
    expect([suite.redisPort, suite.ports.backend, suite.ports.predictor]).toEqual([6490, 7100, 8102]);
  });

  it('takes --home before LIMINAL_HOME, and keeps the models in it', () => {
    const { suite } = load({ LIMINAL_HOME: '/srv/a' }, '--home', '/srv/b');
    expect([suite.home, suite.modelStoreUrl]).toEqual(['/srv/b', 'file:/srv/b/models']);
  });

  it('feeds what was asked for', () => {
    expect(load({}, '--simulate', '--seed', '7')).toMatchObject({ feed: { kind: 'simulate' }, seed: 7 });
    expect(load({}, '--replay', 'a.log', 'b.log').feed).toEqual({ kind: 'replay', files: ['a.log', 'b.log'] });
    expect(load({}, '--replay', 'a.log', '--replay', 'b.log').feed).toEqual({
      kind: 'replay',
      files: ['a.log', 'b.log'],
    });
  });

  it('knows when only help is wanted', () => {
    expect(loadConfig({ BACKEND_PORT: 'nonsense' }, ['--help'])).toBe('help');
  });

  it.each([
    [{ BACKEND_PORT: 'eight' }, [], /BACKEND_PORT/],
    [{ BACKEND_PORT: '70000' }, [], /BACKEND_PORT/],
    [{ BACKEND_PORT: '8002' }, [], /BACKEND_PORT and PREDICTOR_PORT are both 8002/],
    [{ REDIS_PORT: '5000' }, [], /REDIS_PORT and KENNING_PORT are both 5000/],
    [{ BACKEND_PORT: '65000' }, ['--port-offset', '1000'], /BACKEND_PORT is 66000/],
    [{}, ['--port-offset', '-1'], /--port-offset/],
    [{}, ['--port-offset', 'x'], /--port-offset has to be a whole number/],
    [{}, ['--seed', '1.5'], /--seed has to be a whole number/],
    [{}, ['--simulate', '--replay', 'a.log'], /exclude each other/],
    [{}, ['a.log'], /Log files go after --replay/],
    [{}, ['--simluate'], /--simluate.*--help/],
  ])('refuses %j %j and says why', (env, argv, message) => {
    expect(() => loadConfig(env, argv)).toThrow(ConfigError);
    expect(() => loadConfig(env, argv)).toThrow(message);
  });
});

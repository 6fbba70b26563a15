import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { baseEnvironment, ConfigError, parseEnvironment, toBaseConfig } from './base-config.ts';
import { DEFAULT_PASSWORD, defaultPasswords, withSecretFiles } from './secrets.ts';

const redisUrlOf = (env: NodeJS.ProcessEnv): string =>
  toBaseConfig(parseEnvironment(baseEnvironment(8000), env)).redisUrl;

describe('withSecretFiles', () => {
  let directory: string;
  const file = async (name: string, content: string): Promise<string> => {
    const path = join(directory, name);
    await writeFile(path, content);
    return path;
  };

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'liminal-secrets-'));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  it('puts what the file says in the place of the secret, without the line break at its end', async () => {
    const env = {
      REDIS_PASSWORD_FILE: await file('a', 'a b\n'),
      MODEL_STORE_SECRET_KEY_FILE: await file('b', ' c\r\n'),
    };
    expect(withSecretFiles(env)).toMatchObject({ REDIS_PASSWORD: 'a b', MODEL_STORE_SECRET_KEY: ' c' });
  });

  it('leaves other settings that name files as they are', () => {
    const env = { RELEASE_SIGNING_KEY_FILE: '/nowhere', REDIS_PASSWORD: 'x', REDIS_PASSWORD_FILE: '' };
    expect(withSecretFiles(env)).toEqual(env);
  });

  it('refuses a file that is not there or empty, and a secret that was given twice', async () => {
    const refused = (env: NodeJS.ProcessEnv, reason: RegExp): void => {
      expect(() => withSecretFiles(env)).toThrow(ConfigError);
      expect(() => withSecretFiles(env)).toThrow(reason);
    };
    refused({ REDIS_PASSWORD_FILE: join(directory, 'none') }, /^REDIS_PASSWORD_FILE can't be read: ENOENT/);
    refused({ REDIS_PASSWORD_FILE: await file('empty', '\n') }, /^REDIS_PASSWORD_FILE names an empty file/);
    const twice = { REDIS_PASSWORD: 'secret', REDIS_PASSWORD_FILE: await file('twice', 'other') };
    refused(twice, /^REDIS_PASSWORD and REDIS_PASSWORD_FILE are both set: leave one of them away$/);
  });
});

describe('defaultPasswords', () => {
  it('names those that are still what Compose sets', () => {
    expect(defaultPasswords({ REDIS_PASSWORD: DEFAULT_PASSWORD, MODEL_STORE_SECRET_KEY: 'own' })).toEqual([
      { setting: 'REDIS_PASSWORD', inCompose: 'REDIS_PASSWORD' },
    ]);
    expect(defaultPasswords({ MODEL_STORE_SECRET_KEY: DEFAULT_PASSWORD })).toEqual([
      { setting: 'MODEL_STORE_SECRET_KEY', inCompose: 'MINIO_ROOT_PASSWORD' },
    ]);
    expect(defaultPasswords({})).toEqual([]);
  });
});

describe('REDIS_PASSWORD', () => {
  it('joins the address, whatever characters it has', () => {
    const password = 'p@ss:/?#"%41 ü';
    const url = redisUrlOf({ REDIS_URL: 'redis://redis:6379', REDIS_PASSWORD: password });
    expect(url).toMatch(/^redis:\/\/:[^@]+@redis:6379$/);
    expect(decodeURIComponent(new URL(url).password)).toBe(password);
  });

  it('leaves the address as it is when it is not set', () => {
    expect(redisUrlOf({ REDIS_URL: 'rediss://:other@redis:6379/1' })).toBe('rediss://:other@redis:6379/1');
  });

  it('is refused beside an address that has one, without showing either', () => {
    const refused = () => redisUrlOf({ REDIS_URL: 'redis://:one@redis:6379', REDIS_PASSWORD: 'two' });
    expect(refused).toThrow(ConfigError);
    expect(refused).toThrow(/^these settings can't be used: REDIS_PASSWORD: REDIS_URL has a password already$/);
  });
});

import { readFileSync } from 'node:fs';
import { ConfigError } from './base-config.ts';

/** Settings that are secrets, each with the name under which Compose takes it. */
const SECRETS: Readonly<Record<string, string>> = {
  REDIS_PASSWORD: 'REDIS_PASSWORD',
  MODEL_STORE_SECRET_KEY: 'MINIO_ROOT_PASSWORD',
};

/** What Compose sets where its operators have set nothing. Everybody can read it. */
export const DEFAULT_PASSWORD = 'liminal-on-this-machine-only';

/**
 * The environment with each secret in its place: `REDIS_PASSWORD_FILE` names a file that holds `REDIS_PASSWORD`, as Docker and
 * Kubernetes hand secrets out. Throws ConfigError when a file can't be read or a secret was given twice.
 */
export function withSecretFiles(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const filled = { ...env };
  for (const name of Object.keys(SECRETS)) {
    const file = env[`${name}_FILE`];
    if (!file) continue;
    if (env[name]) throw new ConfigError(`${name} and ${name}_FILE are both set: leave one of them away`);
    filled[name] = readSecret(`${name}_FILE`, file);
  }
  return filled;
}

function readSecret(setting: string, file: string): string {
  let secret: string;
  try {
    // Editors and `echo` end a file with a line break that is no part of the secret.
    secret = readFileSync(file, 'utf8').replace(/\r?\n$/, '');
  } catch (cause) {
    throw new ConfigError(`${setting} can't be read: ${(cause as Error).message}`, { cause });
  }
  if (secret === '') throw new ConfigError(`${setting} names an empty file: ${file}`);
  return secret;
}

/** The secrets that still have the default that everybody can read: what they are here, and how Compose calls them. */
export function defaultPasswords(env: NodeJS.ProcessEnv): { setting: string; inCompose: string }[] {
  return Object.entries(SECRETS)
    .filter(([setting]) => env[setting] === DEFAULT_PASSWORD)
    .map(([setting, inCompose]) => ({ setting, inCompose }));
}

import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ModelStoreConfigError } from './object-errors.ts';

export interface ModelStoreCredentials {
  accessKey: string;
  secretKey: string;
}

export interface S3Location extends ModelStoreCredentials {
  kind: 's3';
  host: string;
  port: number;
  tls: boolean;
  bucket: string;
  region: string;
}

export type ModelStoreLocation = { kind: 'file'; directory: string } | S3Location;

const FORMS = 'file:DIRECTORY, file:///DIRECTORY, or s3://HOST:PORT/BUCKET?tls=true&region=REGION';
const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const DEFAULT_REGION = 'us-east-1';
const DEFAULT_PLAIN_PORT = 9000;
const DEFAULT_TLS_PORT = 443;

/**
 * Reads MODEL_STORE_URL:
 * - `file:.liminal/models` (from the working directory) or `file:///var/lib/liminal/models`;
 * - `s3://host:port/bucket?tls=true&region=eu-central-1`: port 9000, or 443 with TLS, unless given; no TLS unless asked
 *   for; region `us-east-1` unless given. `http://…` and `https://…` in place of `s3://…` say the same about TLS.
 *
 * The credentials come from `credentials` (MODEL_STORE_ACCESS_KEY, MODEL_STORE_SECRET_KEY), which keeps them out of
 * process lists and compose files; or, for trying things out, from the URL itself: `s3://accessKey:secretKey@host…`,
 * percent-encoded. Both at once is an error, lest the wrong one be used unseen.
 * Messages never repeat the URL, since it may hold the secret. Throws `ModelStoreConfigError`.
 */
export function parseModelStoreUrl(url: string, credentials?: ModelStoreCredentials): ModelStoreLocation {
  const scheme = /^([a-z0-9]+):/i.exec(url)?.[1]?.toLowerCase();
  if (scheme === 'file') return { kind: 'file', directory: directoryOf(url) };
  if (scheme === 's3' || scheme === 'http' || scheme === 'https') return s3Location(scheme, url, credentials);
  throw new ModelStoreConfigError(`MODEL_STORE_URL has to be one of ${FORMS}`);
}

function directoryOf(url: string): string {
  const path = url.slice('file:'.length);
  if (path === '') throw new ModelStoreConfigError(`MODEL_STORE_URL names no directory: use one of ${FORMS}`);
  if (!path.startsWith('//')) return resolve(path);
  try {
    return fileURLToPath(url);
  } catch (cause) {
    const reason = 'a file URL with // takes an absolute path after a third slash, as in file:///var/lib/liminal';
    throw new ModelStoreConfigError(`MODEL_STORE_URL can't be used: ${reason}`, { cause });
  }
}

function s3Location(scheme: string, text: string, credentials?: ModelStoreCredentials): S3Location {
  const url = parsed(text);
  const bucket = url.pathname.replace(/^\//, '').replace(/\/$/, '');
  if (url.hostname === '' || !BUCKET.test(bucket)) {
    throw new ModelStoreConfigError(
      'MODEL_STORE_URL needs a host and a bucket of 3 to 63 lower-case letters, digits, dots and dashes: ' + FORMS,
    );
  }
  const tls = scheme === 's3' ? flag(url, 'tls') : scheme === 'https';
  return {
    kind: 's3',
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? defaultPort(scheme, tls) : Number(url.port),
    tls,
    bucket,
    region: url.searchParams.get('region') ?? DEFAULT_REGION,
    ...credentialsOf(url, credentials),
  };
}

function parsed(text: string): URL {
  try {
    return new URL(text);
  } catch {
    // The cause repeats the URL with its secret, so it is left out on purpose.
    throw new ModelStoreConfigError(
      `MODEL_STORE_URL is no URL (a secret inside it has to be percent-encoded): use one of ${FORMS}`,
    );
  }
}

function defaultPort(scheme: string, tls: boolean): number {
  if (tls) return DEFAULT_TLS_PORT;
  return scheme === 'http' ? 80 : DEFAULT_PLAIN_PORT;
}

function flag(url: URL, name: string): boolean {
  const value = url.searchParams.get(name) ?? 'false';
  if (value !== 'true' && value !== 'false') {
    throw new ModelStoreConfigError(`${name} in MODEL_STORE_URL has to be true or false`);
  }
  return value === 'true';
}

function credentialsOf(url: URL, credentials?: ModelStoreCredentials): ModelStoreCredentials {
  const inUrl = url.username !== '' || url.password !== '';
  if (inUrl && credentials !== undefined) {
    throw new ModelStoreConfigError(
      'the credentials of the model store are set twice: ' +
        'leave them out of MODEL_STORE_URL, or unset MODEL_STORE_ACCESS_KEY and MODEL_STORE_SECRET_KEY',
    );
  }
  const given = credentials ?? decodedUserInfo(url);
  if (given.accessKey === '' || given.secretKey === '') {
    throw new ModelStoreConfigError(
      'the model store has no credentials: set MODEL_STORE_ACCESS_KEY and MODEL_STORE_SECRET_KEY',
    );
  }
  return { accessKey: given.accessKey, secretKey: given.secretKey };
}

function decodedUserInfo(url: URL): ModelStoreCredentials {
  try {
    return { accessKey: decodeURIComponent(url.username), secretKey: decodeURIComponent(url.password) };
  } catch {
    throw new ModelStoreConfigError('the credentials in MODEL_STORE_URL are not percent-encoded as they have to be');
  }
}

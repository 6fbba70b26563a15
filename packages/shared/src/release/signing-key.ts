import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomUUID,
  sign,
  verify,
} from 'node:crypto';
import { link, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A key file that is missing, unreadable or not safe to use; the message says what to do. */
export class SigningKeyError extends Error {
  override readonly name = 'SigningKeyError';
}

export interface SigningKeyFiles {
  /** PKCS #8 PEM, mode 0600; only the signing service needs to see it. */
  privateKeyFile: string;
  /** SPKI PEM; every service that loads releases reads it. */
  publicKeyFile: string;
}

const POLL_MS = 200;

/**
 * The Ed25519 private key (RFC 8032) that releases are signed with. Creates it at the first start; writes the public
 * key beside it whenever that is missing or another. Throws `SigningKeyError`.
 */
export async function loadOrCreateSigningKey({ privateKeyFile, publicKeyFile }: SigningKeyFiles): Promise<KeyObject> {
  if ((await readIfPresent(privateKeyFile)) === null) await createPrivateKeyFile(privateKeyFile);
  const privateKey = await readPrivateKey(privateKeyFile);
  const publicPem = createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }).toString();
  if ((await readIfPresent(publicKeyFile)) !== publicPem) {
    await writeThenMove(publicKeyFile, publicPem, 0o644, (unfinished) => rename(unfinished, publicKeyFile));
  }
  return privateKey;
}

/** The public key that signatures are checked with. Throws `SigningKeyError` while the file isn't there. */
export async function readPublicKey(publicKeyFile: string): Promise<KeyObject> {
  const pem = await readIfPresent(publicKeyFile);
  if (pem === null) {
    throw new SigningKeyError(
      `there is no public key at ${publicKeyFile} yet: kenning writes it at its first start, ` +
        'so start kenning, and check that both services see the same folder',
    );
  }
  return parseKey(publicKeyFile, 'public', () => createPublicKey(pem));
}

/** Waits for kenning to write the public key. Throws `SigningKeyError` when it isn't there in time. */
export async function waitForPublicKey(
  publicKeyFile: string,
  { timeoutMs, signal }: { timeoutMs: number; signal?: AbortSignal },
): Promise<KeyObject> {
  for (let waitedMs = 0; waitedMs < timeoutMs; waitedMs += POLL_MS) {
    if ((await readIfPresent(publicKeyFile)) !== null) break;
    await sleep(Math.min(POLL_MS, timeoutMs - waitedMs), undefined, signal && { signal });
  }
  return readPublicKey(publicKeyFile);
}

/** 64 bytes, the same each time for the same bytes and key. */
export const signBytes = (bytes: Uint8Array, privateKey: KeyObject): Uint8Array => sign(null, bytes, privateKey);

export const isSignedBy = (bytes: Uint8Array, signature: Uint8Array, publicKey: KeyObject): boolean =>
  verify(null, bytes, publicKey, signature);

async function createPrivateKeyFile(file: string): Promise<void> {
  const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  await writeThenMove(file, pem, 0o600, async (unfinished) => {
    try {
      // Unlike a rename, a link never replaces the key that another process has just made.
      await link(unfinished, file);
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error;
    }
  });
}

async function readPrivateKey(file: string): Promise<KeyObject> {
  const { mode } = await stat(file);
  if ((mode & 0o077) !== 0 && process.platform !== 'win32') {
    throw new SigningKeyError(`the private key ${file} can be read by others on this machine: chmod 600 ${file}`);
  }
  const pem = await readFile(file, 'utf8');
  return parseKey(file, 'private', () => createPrivateKey(pem));
}

function parseKey(file: string, kind: 'public' | 'private', parse: () => KeyObject): KeyObject {
  let key: KeyObject;
  try {
    key = parse();
  } catch (cause) {
    throw new SigningKeyError(`${file} holds no ${kind} key in PEM form: restore it from a backup, or remove it`, {
      cause,
    });
  }
  if (key.asymmetricKeyType !== 'ed25519') {
    throw new SigningKeyError(`${file} holds a key of type ${key.asymmetricKeyType}, but releases need Ed25519`);
  }
  return key;
}

async function writeThenMove(
  file: string,
  text: string,
  mode: number,
  move: (unfinished: string) => Promise<void>,
): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const unfinished = `${file}.${randomUUID()}`;
  try {
    const handle = await open(unfinished, 'wx', mode);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await move(unfinished);
  } finally {
    await rm(unfinished, { force: true });
  }
}

async function readIfPresent(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    throw new SigningKeyError(`the key file ${file} can't be read: check its owner and mode`, { cause: error });
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

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
  /** SPKI PEMs, that of the private key first; every service that loads releases reads them. */
  publicKeyFile: string;
}

/** Keys whose signatures count: of the key that signs now, and of those that signed before. */
export type TrustedKeys = KeyObject | readonly KeyObject[];

const POLL_MS = 200;
const PUBLIC_PEM = /-----BEGIN PUBLIC KEY-----[^-]+-----END PUBLIC KEY-----/g;

/**
 * The Ed25519 private key (RFC 8032) that releases are signed with. Creates it at the first start, and when it is lost;
 * sees to it that its public key is the first one in the file of public keys. The others that are there stay: what was
 * signed with a key that is lost now goes on serving. `warn` is told, in plain words, of a key that was lost.
 * Throws `SigningKeyError`.
 */
export async function loadOrCreateSigningKey(
  { privateKeyFile, publicKeyFile }: SigningKeyFiles,
  warn: (message: string) => void = () => {},
): Promise<KeyObject> {
  if ((await readIfPresent(privateKeyFile)) === null) await createPrivateKeyFile(privateKeyFile);
  const privateKey = await readPrivateKey(privateKeyFile);
  const current = createPublicKey(privateKey);
  const published = (await readIfPresent(publicKeyFile)) ?? '';
  const earlier = readablePublicKeys(published).filter((key) => !key.equals(current));
  const ring = [current, ...earlier].map(toPem).join('');
  if (published !== ring) {
    await writeThenMove(publicKeyFile, ring, 0o644, (unfinished) => rename(unfinished, publicKeyFile));
    if (earlier.length > 0) warn(lostKeyMessage(privateKeyFile, publicKeyFile));
  }
  return privateKey;
}

const toPem = (key: KeyObject): string => key.export({ type: 'spki', format: 'pem' }).toString();

const lostKeyMessage = (privateKeyFile: string, publicKeyFile: string): string =>
  `the private key ${privateKeyFile} is not the one that releases were signed with so far: new releases are signed with ` +
  `this one, and those from before go on serving, since their public key stays in ${publicKeyFile}. If it was lost, ` +
  'there is nothing to do; to go back to it, restore the file from a backup and start again. If it was stolen, train a ' +
  'release, then take every key but the first out of the file of public keys';

/** What can be read of the file; the rest is not worth keeping. */
function readablePublicKeys(pems: string): KeyObject[] {
  return (pems.match(PUBLIC_PEM) ?? []).flatMap((pem) => {
    try {
      const key = createPublicKey(pem);
      return key.asymmetricKeyType === 'ed25519' ? [key] : [];
    } catch {
      return [];
    }
  });
}

/** The public keys that signatures are checked with. Throws `SigningKeyError` while the file isn't there. */
export async function readTrustedKeys(publicKeyFile: string): Promise<readonly KeyObject[]> {
  const pem = await readIfPresent(publicKeyFile);
  if (pem === null) {
    throw new SigningKeyError(
      `there is no public key at ${publicKeyFile} yet: kenning writes it at its first start, ` +
        'so start kenning, and check that both services see the same folder',
    );
  }
  const blocks = pem.match(PUBLIC_PEM) ?? [pem];
  return blocks.map((block) => parseKey(publicKeyFile, 'public', () => createPublicKey(block)));
}

/** Waits for kenning to write the public keys. Throws `SigningKeyError` when it isn't there in time. */
export async function waitForTrustedKeys(
  publicKeyFile: string,
  { timeoutMs, signal }: { timeoutMs: number; signal?: AbortSignal },
): Promise<readonly KeyObject[]> {
  for (let waitedMs = 0; waitedMs < timeoutMs; waitedMs += POLL_MS) {
    if ((await readIfPresent(publicKeyFile)) !== null) break;
    await sleep(Math.min(POLL_MS, timeoutMs - waitedMs), undefined, signal && { signal });
  }
  return readTrustedKeys(publicKeyFile);
}

/** 64 bytes, the same each time for the same bytes and key. */
export const signBytes = (bytes: Uint8Array, privateKey: KeyObject): Uint8Array => sign(null, bytes, privateKey);

/** Whether one of the keys signed exactly these bytes. */
export const isSignedBy = (bytes: Uint8Array, signature: Uint8Array, trusted: TrustedKeys): boolean =>
  [trusted].flat().some((key) => verify(null, bytes, key, signature));

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

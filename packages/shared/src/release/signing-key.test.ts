import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  isSignedBy,
  loadOrCreateSigningKey,
  readTrustedKeys,
  SigningKeyError,
  signBytes,
  waitForTrustedKeys,
} from './signing-key.ts';

const message = new TextEncoder().encode('manifest');

describe('the signing key', () => {
  let directory: string;
  let files: { privateKeyFile: string; publicKeyFile: string };

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'liminal-key-'));
    files = { privateKeyFile: join(directory, 'kenning/private.pem'), publicKeyFile: join(directory, 'public.pem') };
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  it('is created once, for its owner only, and is the same after a restart', async () => {
    const first = await loadOrCreateSigningKey(files);
    expect((await stat(files.privateKeyFile)).mode & 0o777).toBe(0o600);
    expect(await readFile(files.privateKeyFile, 'utf8')).toMatch(/^-----BEGIN PRIVATE KEY-----/);
    const second = await loadOrCreateSigningKey(files);
    expect(Buffer.from(signBytes(message, second))).toEqual(Buffer.from(signBytes(message, first)));
    expect(await readdir(directory)).toEqual(['kenning', 'public.pem']);
    expect(await readdir(join(directory, 'kenning'))).toEqual(['private.pem']);
  });

  it('is the same for all who create it at the same time', async () => {
    const create = async (delayMs: number) => {
      await sleep(delayMs);
      return loadOrCreateSigningKey(files);
    };
    for (let round = 0; round < 10; round++) {
      const keys = await Promise.all(Array.from({ length: 8 }, (_, index) => create(index % 4)));
      const signatures = new Set(keys.map((key) => Buffer.from(signBytes(message, key)).toString('hex')));
      expect(signatures.size, `round ${round}`).toBe(1);
      await rm(files.privateKeyFile);
    }
  });

  it('signs what the public key confirms, and nothing else', async () => {
    const key = await loadOrCreateSigningKey(files);
    const publicKey = await readTrustedKeys(files.publicKeyFile);
    const signature = signBytes(message, key);
    expect(signature.byteLength).toBe(64);
    expect(isSignedBy(message, signature, publicKey)).toBe(true);
    expect(isSignedBy(new TextEncoder().encode('Manifest'), signature, publicKey)).toBe(false);
    expect(isSignedBy(message, signature.slice(0, 63), publicKey)).toBe(false);
    expect(isSignedBy(message, signature, generateKeyPairSync('ed25519').publicKey)).toBe(false);
  });

  it('writes the public key anew when it is lost or another', async () => {
    await loadOrCreateSigningKey(files);
    const published = await readFile(files.publicKeyFile, 'utf8');
    for (const damage of ['', 'of another suite']) {
      await writeFile(files.publicKeyFile, damage);
      await loadOrCreateSigningKey(files);
      expect(await readFile(files.publicKeyFile, 'utf8')).toBe(published);
    }
  });

  it('is made anew when it is lost; what the lost one signed still counts, until its public key is taken out', async () => {
    const warnings: string[] = [];
    const warn = (message: string): unknown => warnings.push(message);
    const lost = await loadOrCreateSigningKey(files, warn);
    const old = signBytes(message, lost);
    expect(warnings).toEqual([]);

    await rm(files.privateKeyFile);
    const key = await loadOrCreateSigningKey(files, warn);
    expect(warnings).toEqual([expect.stringContaining(files.privateKeyFile)]);
    const trusted = await readTrustedKeys(files.publicKeyFile);
    expect(trusted).toHaveLength(2);
    expect(trusted[0]!.equals(createPublicKey(key))).toBe(true);
    expect(isSignedBy(message, old, trusted)).toBe(true);
    expect(isSignedBy(message, signBytes(message, key), trusted)).toBe(true);
    expect(isSignedBy(message, signBytes(message, generateKeyPairSync('ed25519').privateKey), trusted)).toBe(false);

    // The next start finds nothing new, and so does one with the old key put back.
    await loadOrCreateSigningKey(files, warn);
    expect(warnings).toHaveLength(1);
    const pems = (await readFile(files.publicKeyFile, 'utf8')).split(/(?<=-----END PUBLIC KEY-----\n)/);
    await writeFile(files.publicKeyFile, pems[0]!);
    expect(isSignedBy(message, old, await readTrustedKeys(files.publicKeyFile))).toBe(false);
  });

  it('is refused while others can read it', async () => {
    await loadOrCreateSigningKey(files);
    await chmod(files.privateKeyFile, 0o640);
    await expect(loadOrCreateSigningKey(files)).rejects.toThrow(/chmod 600/);
  });

  it('is refused when it is damaged or of another kind, and never replaced', async () => {
    await loadOrCreateSigningKey(files);
    await writeFile(files.privateKeyFile, 'damaged');
    await expect(loadOrCreateSigningKey(files)).rejects.toThrow(SigningKeyError);
    expect(await readFile(files.privateKeyFile, 'utf8')).toBe('damaged');
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    await writeFile(files.privateKeyFile, other.export({ type: 'pkcs8', format: 'pem' }));
    await expect(loadOrCreateSigningKey(files)).rejects.toThrow(/needs? Ed25519/);
  });

  it('says who writes the public key while it is missing', async () => {
    await expect(readTrustedKeys(files.publicKeyFile)).rejects.toThrow(/start kenning/);
    await expect(waitForTrustedKeys(files.publicKeyFile, { timeoutMs: 10 })).rejects.toThrow(SigningKeyError);
  });

  it('is waited for', async () => {
    const waiting = waitForTrustedKeys(files.publicKeyFile, { timeoutMs: 5_000 });
    const key = await loadOrCreateSigningKey(files);
    expect(isSignedBy(message, signBytes(message, key), await waiting)).toBe(true);
  });
});

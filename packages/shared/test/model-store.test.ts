import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openModelStore } from '../src/adapters/model-store.ts';
import { StoreAccessDeniedError, StoreUnreachableError } from '../src/adapters/object-errors.ts';
import { S3_TEST_CREDENTIALS, startS3Server } from '../src/testing/s3-server.ts';
import { describeModelStore } from './model-store-conformance.ts';

describeModelStore('a directory as model store', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'liminal-store-'));
  const store = openModelStore(`file:${join(directory, 'made/when/needed')}`);
  return { store, close: () => rm(directory, { recursive: true, force: true }) };
});

describeModelStore('a bucket as model store', async () => {
  const server = await startS3Server();
  const store = openModelStore(server.urlOf('liminal-models'), S3_TEST_CREDENTIALS);
  return {
    store,
    close: async () => {
      store.close();
      await server.close();
    },
  };
});

describe('a directory that things go wrong with', () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'liminal-store-'));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  it('says that a file stands where the directory should be', async () => {
    await writeFile(join(directory, 'file'), '');
    const store = openModelStore(`file:${join(directory, 'file')}`);
    await expect(store.ping()).rejects.toThrow(StoreUnreachableError);
    await expect(store.put('a', new Uint8Array(1))).rejects.toThrow(join(directory, 'file'));
  });

  it('leaves nothing behind when a write fails, and does not list what is unfinished', async () => {
    const root = join(directory, 'failing');
    const store = openModelStore(`file:${root}`);
    await store.put('taken', new Uint8Array(1));
    await expect(store.put('taken/below', new Uint8Array(1))).rejects.toThrow(StoreUnreachableError);
    expect(await readdir(join(root, '.unfinished'))).toEqual([]);
    await writeFile(join(root, '.unfinished', 'of-another-writer'), 'half');
    expect((await store.list('')).map(({ key }) => key)).toEqual(['taken']);
  });

  it('is made anew when it was deleted', async () => {
    const root = join(directory, 'deleted');
    const store = openModelStore(`file:${root}`);
    await store.put('before/one', new Uint8Array(1));
    await rm(root, { recursive: true });
    expect(await store.list('')).toEqual([]);
    await store.put('after/two', new Uint8Array(1));
    expect((await store.list('')).map(({ key }) => key)).toEqual(['after/two']);
  });

  it('clears away what a process that died long ago left, and nothing younger', async () => {
    const root = join(directory, 'abandoned');
    await mkdir(join(root, '.unfinished'), { recursive: true });
    await writeFile(join(root, '.unfinished', 'old'), 'half');
    await writeFile(join(root, '.unfinished', 'young'), 'half');
    const twoHoursAgo = new Date(Date.now() - 2 * 60 * 60_000);
    await utimes(join(root, '.unfinished', 'old'), twoHoursAgo, twoHoursAgo);
    await openModelStore(`file:${root}`).ping();
    expect(await readdir(join(root, '.unfinished'))).toEqual(['young']);
  });
});

describe('a bucket that things go wrong with', () => {
  const secretKey = 'a-secret-that-nobody-may-see';

  it('is unreachable while the server is away, and works again when it is back', async () => {
    const server = await startS3Server();
    const store = openModelStore(server.urlOf('models'), S3_TEST_CREDENTIALS);
    await store.put('kept', new Uint8Array([1]));
    await server.stop();
    await expect(store.get('kept')).rejects.toThrow(StoreUnreachableError);
    await expect(store.ping()).rejects.toThrow(`127.0.0.1:${server.port}`);
    await server.restart();
    expect(Array.from(await store.get('kept'))).toEqual([1]);
    store.close();
    await server.close();
  });

  it('can be opened before its server runs', async () => {
    const server = await startS3Server();
    await server.stop();
    const store = openModelStore(server.urlOf('models'), S3_TEST_CREDENTIALS);
    await expect(store.ping()).rejects.toThrow(StoreUnreachableError);
    await server.restart();
    await store.put('early', new Uint8Array([2]));
    expect(Array.from(await store.get('early'))).toEqual([2]);
    store.close();
    await server.close();
  });

  it('lets several services create the bucket at the same moment', async () => {
    const server = await startS3Server();
    const stores = Array.from({ length: 5 }, () => openModelStore(server.urlOf('fresh'), S3_TEST_CREDENTIALS));
    await Promise.all(stores.map((store, index) => store.put(`from/${index}`, new Uint8Array(index))));
    expect(await stores[0]!.list('from/')).toHaveLength(5);
    for (const store of stores) store.close();
    await server.close();
  });

  it('says that the credentials are refused, without telling them', async () => {
    const server = await startS3Server();
    const store = openModelStore(server.urlOf('models'), { accessKey: 'nobody', secretKey });
    const error = await store.put('x', new Uint8Array(1)).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(StoreAccessDeniedError);
    expect(String(error)).toContain('MODEL_STORE_SECRET_KEY');
    expect(String(error)).not.toContain(secretKey);
    expect(store.address).not.toContain(secretKey);
    store.close();
    await server.close();
  });

  it('gives up on a server that accepts and then says nothing', async () => {
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const store = openModelStore(`s3://127.0.0.1:${port}/models`, S3_TEST_CREDENTIALS, { timeoutMs: 100 });
    await expect(store.get('x')).rejects.toThrow(/no answer within 100 ms/);
    store.close();
    silent.close();
  });
});

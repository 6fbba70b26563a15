import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

interface S3rverObject {
  bucket: string;
  key: string;
  content: Uint8Array | AsyncIterable<Uint8Array>;
  metadata: object;
}

interface S3rver {
  callback(): RequestListener;
  on(event: 'error', listener: (error: Error) => void): void;
  store: {
    getObject(bucket: string, key: string, range?: object): Promise<unknown>;
    putObject(object: S3rverObject): Promise<{ size: number; md5: string }>;
    getResourcePath(bucket: string, key: string, resource: string): string;
    putMetadata(bucket: string, key: string, metadata: object, md5: string): Promise<void>;
  };
}

// Without types of its own.
const S3rver = createRequire(import.meta.url)('s3rver') as new (options: object) => S3rver;

/** The one account that the server knows. It does not check the secret. */
export const S3_TEST_CREDENTIALS = { accessKey: 'S3RVER', secretKey: 'S3RVER' };

export interface S3TestServer {
  port: number;
  /** MODEL_STORE_URL of a bucket on this server, without credentials. */
  urlOf(bucket: string): string;
  /** Stops answering; what was stored stays. */
  stop(): Promise<void>;
  /** Answers again, on the same port. */
  restart(): Promise<void>;
  /** Stops, and deletes what was stored. */
  close(): Promise<void>;
}

/** A real S3 server over HTTP on a free port of this machine, for tests. */
export async function startS3Server(): Promise<S3TestServer> {
  const directory = await mkdtemp(join(tmpdir(), 'liminal-s3-'));
  const s3rver = new S3rver({ directory, silent: true, vhostBuckets: false });
  s3rver.on('error', () => {}); // every 404 is one; the answer says it
  makeAtomic(s3rver.store);
  const listener = s3rver.callback();
  let server = await listen(listener, 0);
  const { port } = server.address() as AddressInfo;
  return {
    port,
    urlOf: (bucket) => `s3://127.0.0.1:${port}/${bucket}`,
    stop: () => stop(server),
    restart: async () => {
      server = await listen(listener, port);
    },
    close: async () => {
      await stop(server);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/**
 * As it comes, the server answers a put before the file is on the disk, and a read meanwhile gets half of it. Here a put
 * replaces the file in one step, and a read opens it between two puts.
 */
function makeAtomic(store: S3rver['store']): void {
  const getObject = store.getObject.bind(store);
  let previous: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(operation: () => Promise<T>): Promise<T> => {
    const result = previous.then(operation);
    previous = result.catch(() => {}); // it is the caller's error, not the next one's
    return result;
  };
  store.getObject = (...request) => inTurn(() => getObject(...request));
  store.putObject = async (object) => {
    const bytes = await contentOf(object);
    return inTurn(() => putWhole(store, object, bytes));
  };
}

async function contentOf({ content }: S3rverObject): Promise<Buffer> {
  if (content instanceof Uint8Array) return Buffer.from(content);
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function putWhole(store: S3rver['store'], { bucket, key, metadata }: S3rverObject, bytes: Buffer) {
  const md5 = createHash('md5').update(bytes).digest('hex');
  const path = store.getResourcePath(bucket, key, 'object');
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.unfinished`, bytes);
  await rename(`${path}.unfinished`, path);
  await store.putMetadata(bucket, key, metadata, md5);
  return { size: bytes.length, md5 };
}

async function listen(listener: RequestListener, port: number): Promise<Server> {
  const server = createServer(listener).listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

async function stop(server: Server): Promise<void> {
  if (!server.listening) return;
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
}

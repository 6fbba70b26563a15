import { Buffer } from 'node:buffer';
import http from 'node:http';
import https from 'node:https';
import type { BucketItem, Client, ClientOptions } from 'minio';
import type { ModelStore, ObjectStat, PutOptions } from './model-store-contract.ts';
import type { S3Location } from './model-store-url.ts';
import { ObjectNotFoundError, StoreAccessDeniedError, StoreUnreachableError } from './object-errors.ts';
import { assertObjectKey, assertObjectPrefix, byKey } from './object-key.ts';

/** Above this the client would upload in parts, which not every S3-compatible server can do. */
const PART_SIZE_BYTES = 1024 ** 3;
const MAX_CONNECTIONS = 16;

const ABSENT = new Set(['NoSuchKey', 'NotFound']);
const BUCKET_EXISTS = new Set(['BucketAlreadyOwnedByYou', 'BucketAlreadyExists']);
const REFUSED = new Set([
  'AccessDenied',
  'Forbidden',
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'AllAccessDisabled',
  'AuthorizationHeaderMalformed',
]);

/** Objects of one bucket of an S3-compatible server. */
export class S3ModelStore implements ModelStore {
  readonly address: string;
  readonly #options: ClientOptions;
  #opened: Promise<Client> | undefined;
  readonly #agent: http.Agent;
  readonly #bucket: string;
  readonly #region: string;
  #bucketReady: Promise<void> | undefined;

  constructor({ host, port, tls, bucket, region, accessKey, secretKey }: S3Location, timeoutMs: number) {
    this.address = `s3://${host}:${port}/${bucket}`;
    this.#bucket = bucket;
    this.#region = region;
    const agentOptions = { keepAlive: true, maxSockets: MAX_CONNECTIONS };
    this.#agent = tls ? new https.Agent(agentOptions) : new http.Agent(agentOptions);
    this.#options = {
      endPoint: host,
      port,
      useSSL: tls,
      accessKey,
      secretKey,
      region,
      partSize: PART_SIZE_BYTES,
      transport: transportWithTimeout(tls, timeoutMs),
      transportAgent: this.#agent,
      // The client would wait and write to the console; the callers know better whether to try again.
      retryOptions: { disableRetry: true },
    };
  }

  async get(key: string): Promise<Uint8Array> {
    assertObjectKey(key);
    return this.#request(async () => {
      try {
        const chunks: Buffer[] = [];
        for await (const chunk of await (await this.#client()).getObject(this.#bucket, key))
          chunks.push(chunk as Buffer);
        return Buffer.concat(chunks);
      } catch (error) {
        if (ABSENT.has(codeOf(error))) throw new ObjectNotFoundError(key, this.address, { cause: error });
        throw error;
      }
    });
  }

  async put(key: string, bytes: Uint8Array, options?: PutOptions): Promise<void> {
    assertObjectKey(key);
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const contentType = options?.contentType ?? 'application/octet-stream';
    await this.#request(async () =>
      (await this.#client()).putObject(this.#bucket, key, buffer, buffer.byteLength, { 'Content-Type': contentType }),
    );
  }

  async stat(key: string): Promise<ObjectStat | null> {
    assertObjectKey(key);
    return this.#request(async () => {
      try {
        return { key, sizeBytes: (await (await this.#client()).statObject(this.#bucket, key)).size };
      } catch (error) {
        if (ABSENT.has(codeOf(error))) return null;
        throw error;
      }
    });
  }

  async list(prefix: string): Promise<ObjectStat[]> {
    assertObjectPrefix(prefix);
    return this.#request(async () => {
      const found: ObjectStat[] = [];
      // Version 1 of the call: every server pages through it by plain keys.
      for await (const item of (await this.#client()).listObjects(this.#bucket, prefix, true)) {
        const { name, size } = item as BucketItem;
        if (name !== undefined) found.push({ key: name, sizeBytes: size });
      }
      return found.sort(byKey);
    });
  }

  async remove(key: string): Promise<void> {
    assertObjectKey(key);
    await this.#request(async () => (await this.#client()).removeObject(this.#bucket, key));
  }

  async ping(): Promise<void> {
    await this.#request(async () => {
      if (await (await this.#client()).bucketExists(this.#bucket)) return;
      this.#bucketReady = undefined;
      await this.#ensureBucket();
    });
  }

  close(): void {
    this.#agent.destroy();
  }

  /** Made at the first use: a service whose store is a directory does without the library. */
  #client(): Promise<Client> {
    this.#opened ??= import('minio').then(({ Client }) => new Client(this.#options));
    return this.#opened;
  }

  /** Runs a request once the bucket is there; turns what the server or the network says into the errors of a store. */
  async #request<T>(operation: () => Promise<T>): Promise<T> {
    try {
      await this.#ensureBucket();
      return await operation();
    } catch (error) {
      if (error instanceof ObjectNotFoundError) throw error;
      const code = codeOf(error);
      // Somebody emptied the server under us: the next call makes the bucket again.
      if (code === 'NoSuchBucket') this.#bucketReady = undefined;
      if (REFUSED.has(code)) throw new StoreAccessDeniedError(this.address, { cause: error });
      throw new StoreUnreachableError(this.address, { cause: error });
    }
  }

  #ensureBucket(): Promise<void> {
    this.#bucketReady ??= this.#createBucketIfMissing().catch((error: unknown) => {
      this.#bucketReady = undefined;
      throw error;
    });
    return this.#bucketReady;
  }

  async #createBucketIfMissing(): Promise<void> {
    if (await (await this.#client()).bucketExists(this.#bucket)) return;
    try {
      await (await this.#client()).makeBucket(this.#bucket, this.#region);
    } catch (error) {
      // Five services start at once.
      if (!BUCKET_EXISTS.has(codeOf(error))) throw error;
    }
  }
}

/** The client has no time-out of its own and would wait for ever on a server that accepts and then says nothing. */
function transportWithTimeout(tls: boolean, timeoutMs: number): Pick<typeof http, 'request'> {
  const { request } = tls ? https : http;
  return {
    request(...[options, onResponse]: Parameters<typeof http.request>) {
      const outgoing = request({ ...(options as http.RequestOptions), timeout: timeoutMs }, onResponse as never);
      outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer within ${timeoutMs} ms`)));
      return outgoing;
    },
  } as Pick<typeof http, 'request'>;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

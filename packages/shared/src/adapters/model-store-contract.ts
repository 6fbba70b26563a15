export interface ObjectStat {
  key: string;
  sizeBytes: number;
}

/**
 * Where models, releases and training rows lie: a directory, or a bucket of an S3-compatible store.
 *
 * A put is atomic: a reader sees the old content or the new, never a mixture, and what was put survives a crash of this
 * process. There are no conditional writes (not every S3-compatible store has them), so of several writers of one key
 * the last wins: whoever needs more gives each key a single writer.
 * A key that is also the folder of other keys (`a` beside `a/b`) is not supported: a file system can't hold it.
 *
 * Every method throws `StoreUnreachableError` while the store is away, `StoreAccessDeniedError` where it refuses, and
 * `InvalidObjectKeyError` for a key that not every store could hold.
 */
export interface ModelStore {
  /** Where this is, for logs and messages; holds no secret. */
  readonly address: string;
  /** Throws `ObjectNotFoundError`. */
  get(key: string): Promise<Uint8Array>;
  put(key: string, bytes: Uint8Array, options?: PutOptions): Promise<void>;
  /** `null` when there is no such object. */
  stat(key: string): Promise<ObjectStat | null>;
  /** All objects whose key begins with `prefix`, sorted by key. */
  list(prefix: string): Promise<ObjectStat[]>;
  /** No error when there is no such object. */
  remove(key: string): Promise<void>;
  /** Resolves when the store can be used. */
  ping(): Promise<void>;
  /** Lets go of connections. */
  close(): void;
}

export interface PutOptions {
  contentType?: string;
}

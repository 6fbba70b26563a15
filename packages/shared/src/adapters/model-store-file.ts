import { randomUUID } from 'node:crypto';
import { access, constants, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ModelStore, ObjectStat } from './model-store-contract.ts';
import { ObjectNotFoundError, StoreAccessDeniedError, StoreUnreachableError } from './object-errors.ts';
import { assertObjectKey, assertObjectPrefix, byKey } from './object-key.ts';

/** Inside the store's own directory, so that the rename stays on one file system. No key begins with a dot. */
const UNFINISHED = '.unfinished';
/** No write takes this long: what is older was left behind by a process that died. */
const ABANDONED_AFTER_MS = 60 * 60_000;

/** Objects as files of a directory. */
export class FileModelStore implements ModelStore {
  readonly address: string;
  readonly #directory: string;
  #opened: Promise<void> | undefined;

  constructor(directory: string) {
    this.#directory = directory;
    this.address = `file:${directory}`;
  }

  async get(key: string): Promise<Uint8Array> {
    const path = this.#pathOf(key);
    return this.#io(async () => {
      try {
        return await readFile(path);
      } catch (error) {
        if (isAbsent(error)) throw new ObjectNotFoundError(key, this.address);
        throw error;
      }
    });
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    const path = this.#pathOf(key);
    await this.#io(async () => {
      await this.#open();
      // Each time: a directory that somebody deleted under us is there again with the next write.
      await mkdir(join(this.#directory, UNFINISHED), { recursive: true });
      const unfinished = join(this.#directory, UNFINISHED, randomUUID());
      try {
        await writeDurably(unfinished, bytes);
        const topmostNew = await mkdir(dirname(path), { recursive: true });
        await rename(unfinished, path);
        await syncDirectories(dirname(path), topmostNew === undefined ? dirname(path) : dirname(topmostNew));
      } catch (error) {
        await rm(unfinished, { force: true });
        throw error;
      }
    });
  }

  async stat(key: string): Promise<ObjectStat | null> {
    const path = this.#pathOf(key);
    return this.#io(async () => {
      try {
        const found = await stat(path);
        return found.isFile() ? { key, sizeBytes: found.size } : null;
      } catch (error) {
        if (isAbsent(error)) return null;
        throw error;
      }
    });
  }

  async list(prefix: string): Promise<ObjectStat[]> {
    assertObjectPrefix(prefix);
    const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
    return this.#io(async () => {
      const found: ObjectStat[] = [];
      await this.#walk(folder, prefix, found);
      return found.sort(byKey);
    });
  }

  async remove(key: string): Promise<void> {
    const path = this.#pathOf(key);
    await this.#io(() => rm(path, { force: true }));
  }

  async ping(): Promise<void> {
    await this.#io(async () => {
      await this.#open();
      await access(this.#directory, constants.R_OK | constants.W_OK | constants.X_OK);
    });
  }

  close(): void {}

  #pathOf(key: string): string {
    assertObjectKey(key);
    return join(this.#directory, key);
  }

  #open(): Promise<void> {
    this.#opened ??= this.#prepare().catch((error: unknown) => {
      this.#opened = undefined;
      throw error;
    });
    return this.#opened;
  }

  async #prepare(): Promise<void> {
    const folder = join(this.#directory, UNFINISHED);
    await mkdir(folder, { recursive: true });
    for (const name of await readdir(folder)) {
      const path = join(folder, name);
      const found = await statIfPresent(path);
      if (found !== null && Date.now() - found.mtimeMs > ABANDONED_AFTER_MS) await rm(path, { force: true });
    }
  }

  /** Adds what lies in `folder` (empty, or with a slash behind it) and begins with `prefix`. */
  async #walk(folder: string, prefix: string, found: ObjectStat[]): Promise<void> {
    const entries = await this.#entriesOf(folder);
    await Promise.all(
      entries.map(async (entry) => {
        const key = folder + entry.name;
        if (entry.name.startsWith('.')) return;
        if (entry.isDirectory()) {
          if (`${key}/`.startsWith(prefix) || prefix.startsWith(`${key}/`)) await this.#walk(`${key}/`, prefix, found);
        } else if (key.startsWith(prefix)) {
          const file = await statIfPresent(join(this.#directory, key));
          if (file !== null) found.push({ key, sizeBytes: file.size });
        }
      }),
    );
  }

  async #entriesOf(folder: string) {
    try {
      return await readdir(join(this.#directory, folder), { withFileTypes: true });
    } catch (error) {
      if (isAbsent(error)) return [];
      throw error;
    }
  }

  /** Turns what the file system says into the errors of a store. */
  async #io<T>(operation: () => Promise<T>): Promise<T> {
    try {
      return await operation();
    } catch (error) {
      if (error instanceof ObjectNotFoundError) throw error;
      if (hasCode(error, 'EACCES', 'EPERM', 'EROFS')) throw new StoreAccessDeniedError(this.address, { cause: error });
      throw new StoreUnreachableError(this.address, { cause: error });
    }
  }
}

async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** A name is on the disk only when its directory is: syncs `from` and its parents up to `upTo`. */
async function syncDirectories(from: string, upTo: string): Promise<void> {
  for (let path = from; ; path = dirname(path)) {
    const directory = await open(path, 'r');
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
    if (path === upTo || path === dirname(path)) return;
  }
}

async function statIfPresent(path: string) {
  try {
    return await stat(path);
  } catch (error) {
    if (isAbsent(error)) return null;
    throw error;
  }
}

const isAbsent = (error: unknown): boolean => hasCode(error, 'ENOENT', 'ENOTDIR', 'EISDIR');

function hasCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}

import type { ModelStore, ObjectStat, PutOptions } from '@liminal/shared/adapters/model-store';

/** The process "dies" before its n-th change of the store; from then on nothing reaches the store. */
export class CrashError extends Error {
  override readonly name = 'CrashError';
}

/** A real store that stops taking changes before the n-th one (counted from 0). */
export class FailingStore implements ModelStore {
  readonly address: string;
  readonly #store: ModelStore;
  readonly #failAt: number;
  changes = 0;

  constructor(store: ModelStore, failAt: number) {
    this.#store = store;
    this.#failAt = failAt;
    this.address = store.address;
  }

  get(key: string): Promise<Uint8Array> {
    return this.#store.get(key);
  }

  async put(key: string, bytes: Uint8Array, options?: PutOptions): Promise<void> {
    this.#countChange();
    await this.#store.put(key, bytes, options);
  }

  stat(key: string): Promise<ObjectStat | null> {
    return this.#store.stat(key);
  }

  list(prefix: string): Promise<ObjectStat[]> {
    return this.#store.list(prefix);
  }

  async remove(key: string): Promise<void> {
    this.#countChange();
    await this.#store.remove(key);
  }

  ping(): Promise<void> {
    return this.#store.ping();
  }

  close(): void {
    this.#store.close();
  }

  #countChange(): void {
    if (this.changes >= this.#failAt) throw new CrashError(`crashed before change ${this.#failAt}`);
    this.changes++;
  }
}

import { createPublicKey, type KeyObject } from 'node:crypto';
import type { ModelStore } from '@liminal/shared/adapters/model-store';
import type { ModelName } from '@liminal/shared/contracts/prediction';
import {
  type HistoryEntry,
  modelVersionOf,
  POINTER_NAMES,
  type PointerName,
  type ReleaseAction,
  type ReleasedModel,
  type ReleaseManifest,
  type ReleasePointer,
  releaseIdSchema,
  releaseKeys,
} from '@liminal/shared/contracts/release';
import type { MovePointerJob, MovePointerResult } from '@liminal/shared/contracts/release-moves';
import { canonicalJsonBytes } from '@liminal/shared/release/canonical-json';
import { type LoadedRelease, loadManifest, loadRelease, readPointer } from '@liminal/shared/release/load-release';
import { readHistory } from '@liminal/shared/release/read-history';
import { ReleaseError, ReleaseRecordError } from '@liminal/shared/release/release-errors';
import { sha256Hex } from '@liminal/shared/release/sha256';
import type { TrustedKeys } from '@liminal/shared/release/signing-key';
import { Mutex } from '@liminal/shared/runtime/mutex';
import { publishRelease, type ReleaseDraft } from './publish-release.ts';
import { appendToHistory, historyEntryOf } from './release-history.ts';

/** The file of a model is not the one that its version names. */
export class ModelFileDamagedError extends Error {
  override readonly name = 'ModelFileDamagedError';
}

export interface RegistryLog {
  warn(fields: object, message: string): void;
}

export interface ReleaseRegistryOptions {
  store: ModelStore;
  signingKey: KeyObject;
  /** Keys whose releases count; that of `signingKey` alone unless given. */
  trustedKeys?: TrustedKeys;
  /** Milliseconds since the epoch. */
  clock: () => number;
  log: RegistryLog;
}

/** A model with the releases that hold it, newest first. */
export interface RegisteredModel {
  model: ReleasedModel;
  releases: string[];
}

interface Move {
  pointer: PointerName;
  action: ReleaseAction;
  release: string;
  reason: string;
  by: string;
}

/**
 * Publishes releases and moves the pointers to them. There is one registry for a store: the stores have no conditional
 * writes, so what is read here must not change before it is written back. Within the process calls wait for each other.
 *
 * A move writes the pointer first and the history second, and the pointer carries the whole entry of the history: after
 * a crash in between `recover`, or the next move, adds the missing line.
 */
export class ReleaseRegistry {
  readonly #store: ModelStore;
  readonly #signingKey: KeyObject;
  readonly #trustedKeys: TrustedKeys;
  readonly #clock: () => number;
  readonly #log: RegistryLog;
  readonly #mutex = new Mutex();
  /** Manifests never change, so each is read and verified once. */
  readonly #manifests = new Map<string, ReleaseManifest>();

  constructor({ store, signingKey, trustedKeys, clock, log }: ReleaseRegistryOptions) {
    this.#store = store;
    this.#signingKey = signingKey;
    this.#trustedKeys = trustedKeys ?? createPublicKey(signingKey);
    this.#clock = clock;
    this.#log = log;
  }

  /** Completes what a crash cut short. To be called once at the start. */
  recover(): Promise<void> {
    return this.#mutex.run(() => this.#completeHistory());
  }

  /** Writes and signs a release; no pointer moves. Throws as `publishRelease` does. */
  publish(draft: ReleaseDraft): Promise<ReleaseManifest> {
    return this.#mutex.run(() => publishRelease(this.#store, this.#signingKey, draft, this.#clock));
  }

  /**
   * Makes a release the one that serves. Loads it whole first, as the predictor will: what can't be loaded is not
   * promoted. Promoting what serves already changes nothing. Throws a `ReleaseError`.
   */
  promote(release: string, reason: string, by: string): Promise<ReleasePointer> {
    return this.#moveAnyway({ pointer: 'production', action: 'promote', release, reason, by });
  }

  /** Goes back to a release that served before, e.g. `previous` of the pointer. Otherwise like `promote`. */
  rollback(release: string, reason: string, by: string): Promise<ReleasePointer> {
    return this.#moveAnyway({ pointer: 'production', action: 'rollback', release, reason, by });
  }

  /** Lets a release score beside the one that serves. Otherwise like `promote`. */
  shadow(release: string, reason: string, by: string): Promise<ReleasePointer> {
    return this.#moveAnyway({ pointer: 'shadow', action: 'shadow', release, reason, by });
  }

  /**
   * Moves a pointer as it is asked for, unless it shows something else than is expected: somebody has moved it
   * meanwhile. Doing it again changes nothing. Otherwise like `promote`.
   */
  async move({ expected, requestedBy: by, ...move }: MovePointerJob): Promise<MovePointerResult> {
    const pointer = await this.#move({ ...move, by }, expected);
    return { moved: pointer?.release === move.release, pointer };
  }

  pointer(name: PointerName): Promise<ReleasePointer | null> {
    return readPointer(this.#store, name);
  }

  /** Every move of a pointer, oldest first. */
  history(): Promise<HistoryEntry[]> {
    return readHistory(this.#store);
  }

  /** A release with its files, every byte verified. Throws a `ReleaseError`. */
  load(release: string): Promise<LoadedRelease> {
    return loadRelease(this.#store, this.#trustedKeys, release);
  }

  /** Newest first. A release that can't be verified is logged and left out. */
  async listReleases(): Promise<ReleaseManifest[]> {
    const manifests: ReleaseManifest[] = [];
    for (const id of await this.#signedIds()) {
      const manifest = await this.#verifiedManifest(id);
      if (manifest !== null) manifests.push(manifest);
    }
    return manifests.sort((left, right) => compare(right.createdAt, left.createdAt) || compare(right.id, left.id));
  }

  /** Every model of every release once, those of the newest releases first. */
  async listModels(): Promise<RegisteredModel[]> {
    const models = new Map<string, RegisteredModel>();
    for (const { id, models: released } of await this.listReleases()) {
      for (const model of released) {
        const known = models.get(model.file);
        if (known === undefined) models.set(model.file, { model, releases: [id] });
        else known.releases.push(id);
      }
    }
    return [...models.values()];
  }

  /** The ONNX file of a model. Throws `ObjectNotFoundError`, or `ModelFileDamagedError` when it was changed. */
  async getModelFile(name: ModelName, version: string): Promise<Uint8Array> {
    const key = releaseKeys.modelFile(name, version);
    const bytes = await this.#store.get(key);
    if (modelVersionOf(sha256Hex(bytes)) !== version) {
      throw new ModelFileDamagedError(`${key} is not the file that was published: restore it from a backup`);
    }
    return bytes;
  }

  async #moveAnyway(move: Move): Promise<ReleasePointer> {
    return (await this.#move(move))!;
  }

  /** What the pointer shows afterwards. */
  #move(move: Move, expected?: string): Promise<ReleasePointer | null> {
    return this.#mutex.run(async () => {
      await this.#completeHistory();
      const current = await this.#readableCurrent(move.pointer);
      if (current?.release === move.release) return current;
      if (expected !== undefined && current?.release !== expected) return current;
      await loadRelease(this.#store, this.#trustedKeys, releaseIdSchema.parse(move.release));
      const next: ReleasePointer = {
        release: move.release,
        since: this.#timeAfter(current),
        action: move.action,
        previous: current?.release ?? null,
        reason: move.reason,
        by: move.by,
      };
      const key = releaseKeys.pointer(move.pointer);
      await this.#store.put(key, canonicalJsonBytes(next), { contentType: 'application/json' });
      await appendToHistory(this.#store, historyEntryOf(move.pointer, next));
      return next;
    });
  }

  async #completeHistory(): Promise<void> {
    for (const name of POINTER_NAMES) {
      const pointer = await this.#readableCurrent(name);
      if (pointer !== null) await appendToHistory(this.#store, historyEntryOf(name, pointer));
    }
  }

  /** A damaged pointer counts as none here: moving it is how it is repaired. */
  async #readableCurrent(name: PointerName): Promise<ReleasePointer | null> {
    try {
      return await readPointer(this.#store, name);
    } catch (error) {
      if (!(error instanceof ReleaseRecordError)) throw error;
      this.#log.warn({ err: error, pointer: name }, 'pointer to a release is damaged');
      return null;
    }
  }

  /** Moves of a pointer have different times even when the clock stands or goes back: the history tells them apart. */
  #timeAfter(current: ReleasePointer | null): string {
    const now = this.#clock();
    return new Date(current === null ? now : Math.max(now, Date.parse(current.since) + 1)).toISOString();
  }

  async #signedIds(): Promise<string[]> {
    const objects = await this.#store.list(releaseKeys.prefix);
    return objects
      .map(({ key }) => key.split('/')[1]!)
      .filter(
        (id, index) => releaseIdSchema.safeParse(id).success && objects[index]!.key === releaseKeys.signature(id),
      );
  }

  async #verifiedManifest(id: string): Promise<ReleaseManifest | null> {
    const known = this.#manifests.get(id);
    if (known !== undefined) return known;
    try {
      const manifest = await loadManifest(this.#store, this.#trustedKeys, id);
      this.#manifests.set(id, manifest);
      return manifest;
    } catch (error) {
      if (!(error instanceof ReleaseError)) throw error;
      this.#log.warn({ err: error, release: id }, 'release left out of the list');
      return null;
    }
  }
}

const compare = (left: string, right: string): number => (left < right ? -1 : left > right ? 1 : 0);

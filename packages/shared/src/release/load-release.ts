import { Buffer } from 'node:buffer';
import { z } from 'zod';
import { getIfPresent, type ModelStore } from '../adapters/model-store.ts';
import type { CombinationData } from '../calibration/combination.ts';
import type { ModelName } from '../contracts/prediction.ts';
import {
  type PointerName,
  pointerSchema,
  type ReleaseManifest,
  type ReleasePointer,
  releaseKeys,
  releaseManifestSchema,
} from '../contracts/release.ts';
import { UndecodableError } from '../contracts/undecodable-error.ts';
import { decodeCombination } from './combination-file.ts';
import {
  ReleaseFileError,
  ReleaseIncompleteError,
  ReleaseManifestError,
  ReleaseMismatchError,
  ReleaseRecordError,
  ReleaseSignatureError,
} from './release-errors.ts';
import { sha256Hex } from './sha256.ts';
import { isSignedBy, type TrustedKeys } from './signing-key.ts';

export interface LoadedRelease {
  manifest: ReleaseManifest;
  /** ONNX file of each model. */
  files: Map<ModelName, Uint8Array>;
  /** Rows for SHAP: `manifest.background.rows` × `manifest.background.columns`, row-major, NaN = not observed. */
  background: Float32Array;
  /** Calibration of the combined p-value; `null` where that is the p-value of a single model. */
  combination: CombinationData | null;
}

/**
 * A release whose every byte is what was signed. Throws one of the `ReleaseError`s, or the store's errors while the
 * store is away.
 */
export async function loadRelease(store: ModelStore, trusted: TrustedKeys, id: string): Promise<LoadedRelease> {
  const manifest = await loadManifest(store, trusted, id);
  const files = new Map<ModelName, Uint8Array>();
  for (const { name, file, sha256, sizeBytes } of manifest.models) {
    files.set(name, await verifiedFile(store, id, file, sha256, sizeBytes));
  }
  const background = await loadRows(store, id, manifest.background, manifest.background.columns);
  return { manifest, files, background, combination: await loadCombination(store, manifest) };
}

/** Rows that belong to a release, [rows, columns], verified. Throws like `loadRelease`. */
export async function loadRows(
  store: ModelStore,
  id: string,
  { file, sha256, rows }: { file: string; sha256: string; rows: number },
  columns: number,
): Promise<Float32Array> {
  const sizeBytes = rows * columns * Float32Array.BYTES_PER_ELEMENT;
  return toFloat32(await verifiedFile(store, id, file, sha256, sizeBytes));
}

async function loadCombination(store: ModelStore, manifest: ReleaseManifest): Promise<CombinationData | null> {
  const { id, combination } = manifest;
  if (combination.method === 'single') return null;
  const { models, rows, file, sha256, sizeBytes } = combination;
  const bytes = await verifiedFile(store, id, file, sha256, sizeBytes);
  try {
    return decodeCombination(bytes, models, rows);
  } catch (error) {
    if (!(error instanceof UndecodableError)) throw error;
    throw new ReleaseManifestError(id, error.message, { cause: error });
  }
}

/** The manifest alone, signature checked. Throws like `loadRelease`. */
export async function loadManifest(store: ModelStore, trusted: TrustedKeys, id: string): Promise<ReleaseManifest> {
  const bytes = await present(store, id, releaseKeys.manifest(id));
  const signature = await present(store, id, releaseKeys.signature(id));
  // Before anything looks into it: what nobody signed is not parsed either.
  if (!isSignedBy(bytes, signature, trusted)) throw new ReleaseSignatureError(id);
  const manifest = parseManifest(id, bytes);
  if (manifest.id !== id) throw new ReleaseMismatchError(id, manifest.id);
  return manifest;
}

/** What the pointer shows, or `null` while it was never set. Throws `ReleaseRecordError`. */
export async function readPointer(store: ModelStore, name: PointerName): Promise<ReleasePointer | null> {
  const key = releaseKeys.pointer(name);
  const bytes = await getIfPresent(store, key);
  if (bytes === null) return null;
  const result = pointerSchema.safeParse(parseJson(bytes));
  if (result.success) return result.data;
  throw new ReleaseRecordError(
    `${key} in ${store.address} is no pointer to a release (${z.prettifyError(result.error)}): ` +
      'promote a release again, and it is written anew',
  );
}

async function present(store: ModelStore, id: string, key: string): Promise<Uint8Array> {
  const bytes = await getIfPresent(store, key);
  if (bytes === null) throw new ReleaseIncompleteError(id, key);
  return bytes;
}

async function verifiedFile(store: ModelStore, id: string, key: string, sha256: string, sizeBytes: number) {
  const bytes = await present(store, id, key);
  if (bytes.byteLength !== sizeBytes) {
    throw new ReleaseFileError(id, key, `${sizeBytes} bytes`, `${bytes.byteLength} bytes`);
  }
  const found = sha256Hex(bytes);
  if (found !== sha256) throw new ReleaseFileError(id, key, `SHA-256 ${sha256}`, found);
  return bytes;
}

function parseManifest(id: string, bytes: Uint8Array): ReleaseManifest {
  const result = releaseManifestSchema.safeParse(parseJson(bytes));
  if (result.success) return result.data;
  throw new ReleaseManifestError(id, z.prettifyError(result.error), { cause: result.error });
}

/** `undefined` where it is no JSON: the schema that follows refuses it and says what it is part of. */
function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return undefined;
  }
}

/** A copy, since the bytes may lie unaligned. All machines that Node runs on are little-endian. */
function toFloat32(bytes: Uint8Array): Float32Array {
  return new Float32Array(Uint8Array.from(bytes).buffer);
}

import { Buffer } from 'node:buffer';
import type { KeyObject } from 'node:crypto';
import { type ModelStore, putImmutable } from '@liminal/shared/adapters/model-store';
import type { CombinationData } from '@liminal/shared/calibration/combination';
import { FEATURE_COUNT, FEATURE_SCHEMA_VERSION } from '@liminal/shared/contracts/feature-vector';
import {
  modelVersionOf,
  type ReleasedModel,
  type ReleaseManifest,
  releaseKeys,
  releaseManifestSchema,
} from '@liminal/shared/contracts/release';
import { canonicalJsonBytes } from '@liminal/shared/release/canonical-json';
import { encodeCombination } from '@liminal/shared/release/combination-file';
import { sha256Hex } from '@liminal/shared/release/sha256';
import { signBytes } from '@liminal/shared/release/signing-key';

/** A trained and exported model, before it has a version. */
export interface DraftModel extends Omit<ReleasedModel, 'version' | 'file' | 'sha256' | 'sizeBytes'> {
  /** The ONNX file. */
  bytes: Uint8Array;
}

/** What training hands over: a release without id, hashes and signature. */
export interface ReleaseDraft
  extends Pick<
    ReleaseManifest,
    'provisional' | 'leftOut' | 'calibration' | 'referenceProfile' | 'trainingData' | 'libraries'
  > {
  models: readonly DraftModel[];
  combination: CombinationData;
  /** Rows of different users that drift is measured against: row-major [rows, 7], NaN = not observed. */
  referenceRows?: Float32Array;
  /** Rows for SHAP, row-major, NaN = not observed. */
  background: { values: Float32Array; columns: number };
}

/**
 * Writes a release: files, then manifest, then signature. Without its signature nobody takes it for a release, so a
 * crash in between leaves nothing half-published; the same draft at the same time may be published again. No pointer
 * moves. Throws a `ZodError` before anything is written when the draft is not fit for a release.
 */
export async function publishRelease(
  store: ModelStore,
  signingKey: KeyObject,
  draft: ReleaseDraft,
  clock: () => number,
): Promise<ReleaseManifest> {
  const background = littleEndianBytes(draft.background.values);
  const combination = encodeCombination(draft.combination);
  const reference = draft.referenceRows && littleEndianBytes(draft.referenceRows);
  const manifest = manifestOf(draft, { background, combination, reference }, new Date(clock()));
  for (const [index, { file }] of manifest.models.entries()) {
    await putImmutable(store, file, draft.models[index]!.bytes);
  }
  await putImmutable(store, manifest.background.file, background);
  if (manifest.reference !== undefined) await putImmutable(store, manifest.reference.file, reference!);
  if (manifest.combination.method !== 'single') await putImmutable(store, manifest.combination.file, combination);
  const bytes = canonicalJsonBytes(manifest);
  await putImmutable(store, releaseKeys.manifest(manifest.id), bytes, { contentType: 'application/json' });
  await putImmutable(store, releaseKeys.signature(manifest.id), signBytes(bytes, signingKey));
  return manifest;
}

function manifestOf(
  draft: ReleaseDraft,
  files: { background: Uint8Array; combination: Uint8Array; reference: Uint8Array | undefined },
  createdAt: Date,
): ReleaseManifest {
  const { models, combination, background: backgroundRows, referenceRows: _, ...rest } = draft;
  const sha256 = sha256Hex(files.background);
  const content: Omit<ReleaseManifest, 'id'> = {
    ...rest,
    createdAt: createdAt.toISOString(),
    featureSchemaVersion: FEATURE_SCHEMA_VERSION,
    models: models.map(releasedModel),
    combination: releasedCombination(combination, files.combination),
    ...(files.reference && { reference: releasedReference(files.reference) }),
    background: {
      file: releaseKeys.backgroundFile(sha256),
      sha256,
      rows: backgroundRows.values.length / backgroundRows.columns,
      columns: backgroundRows.columns,
    },
  };
  return releaseManifestSchema.parse({ ...content, id: releaseIdOf(content, createdAt) });
}

function releasedModel({ bytes, ...model }: DraftModel): ReleasedModel {
  const sha256 = sha256Hex(bytes);
  const version = modelVersionOf(sha256);
  const file = releaseKeys.modelFile(model.name, version);
  return { ...model, version, file, sha256, sizeBytes: bytes.byteLength };
}

function releasedReference(bytes: Uint8Array): NonNullable<ReleaseManifest['reference']> {
  const sha256 = sha256Hex(bytes);
  const rows = bytes.byteLength / (FEATURE_COUNT * Float32Array.BYTES_PER_ELEMENT);
  return { file: releaseKeys.referenceFile(sha256), sha256, rows };
}

function releasedCombination({ models, scores }: CombinationData, bytes: Uint8Array): ReleaseManifest['combination'] {
  const sha256 = sha256Hex(bytes);
  return {
    method: 'minimum-p',
    models: [...models],
    rows: scores.length / models.length,
    file: releaseKeys.combinationFile(sha256),
    sha256,
    sizeBytes: bytes.byteLength,
  };
}

function releaseIdOf(content: Omit<ReleaseManifest, 'id'>, createdAt: Date): string {
  const compactTime = createdAt.toISOString().slice(0, 19).replaceAll(/[-:]/g, '');
  return `r-${compactTime}-${sha256Hex(canonicalJsonBytes(content)).slice(0, 8)}`;
}

/** All machines that Node runs on are little-endian. */
const littleEndianBytes = (values: Float32Array): Uint8Array =>
  Buffer.from(values.buffer, values.byteOffset, values.byteLength);

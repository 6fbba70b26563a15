import { getIfPresent, type ModelStore } from '@liminal/shared/adapters/model-store';
import type { TrainingQueue } from '@liminal/shared/adapters/training-queue';
import type { ReleaseManifest, ReleasePointer } from '@liminal/shared/contracts/release';
import { type ArchiveSummary, archiveSummarySchema, trainingKeys } from '@liminal/shared/contracts/training-rows';
import { loadManifest, readPointer } from '@liminal/shared/release/load-release';
import { ReleaseError } from '@liminal/shared/release/release-errors';
import { readTrustedKeys } from '@liminal/shared/release/signing-key';
import type { VerdictCounts, VerdictReader } from './verdict-counts.ts';

/** What others know and do. */
export interface Platform {
  production: { pointer: ReleasePointer; manifest: ReleaseManifest } | undefined;
  /** The pointer alone where its release can't be verified, and why: it can still be gone back from. */
  unverified: { pointer: ReleasePointer; error: ReleaseError } | undefined;
  shadow: string | null;
  /** What is archived for training. */
  rows: number;
  users: number;
  /** Whether a training waits or runs already. */
  isTraining: boolean;
  /** Of what serves; undefined while nothing does. */
  verdicts: VerdictCounts | undefined;
}

export interface PlatformSources {
  store: ModelStore;
  queue: TrainingQueue;
  verdicts: VerdictReader;
  publicKeyFile: string;
}

/** What the pointer shows, whether it can be verified or not. */
export const pointerOf = ({ production, unverified }: Platform): ReleasePointer | null =>
  production?.pointer ?? unverified?.pointer ?? null;

/** Looks at releases, archive and queue. Throws while one of them can't be read. */
export async function observePlatform(sources: PlatformSources): Promise<Platform> {
  const { store, queue, verdicts, publicKeyFile } = sources;
  const [summary, pointer, shadow, counts] = await Promise.all([
    readSummary(store),
    readPointer(store, 'production'),
    readPointer(store, 'shadow'),
    queue.getJobCounts('active', 'waiting', 'delayed', 'prioritized'),
  ]);
  const seen = {
    rows: summary?.rows ?? 0,
    users: summary?.users ?? 0,
    shadow: shadow?.release ?? null,
    isTraining: Object.values(counts).some((count) => count > 0),
  };
  const nothing = { ...seen, production: undefined, unverified: undefined, verdicts: undefined };
  if (pointer === null) return nothing;
  try {
    const manifest = await loadManifest(store, await readTrustedKeys(publicKeyFile), pointer.release);
    return { ...nothing, production: { pointer, manifest }, verdicts: await verdicts.countsOf(pointer.release) };
  } catch (error) {
    if (!(error instanceof ReleaseError)) throw error;
    return { ...nothing, unverified: { pointer, error } };
  }
}

async function readSummary(store: ModelStore): Promise<ArchiveSummary | null> {
  const bytes = await getIfPresent(store, trainingKeys.summary);
  return bytes === null ? null : archiveSummarySchema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
}

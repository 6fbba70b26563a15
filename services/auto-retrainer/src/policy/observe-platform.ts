import { getIfPresent, type ModelStore } from '@liminal/shared/adapters/model-store';
import type { TrainingQueue } from '@liminal/shared/adapters/training-queue';
import type { ReleaseManifest, ReleasePointer } from '@liminal/shared/contracts/release';
import { type ArchiveSummary, archiveSummarySchema, trainingKeys } from '@liminal/shared/contracts/training-rows';
import { loadManifest, readPointer } from '@liminal/shared/release/load-release';
import { readTrustedKeys } from '@liminal/shared/release/signing-key';
import type { VerdictCounts, VerdictReader } from './verdict-counts.ts';

/** What others know and do. */
export interface Platform {
  production: { pointer: ReleasePointer; manifest: ReleaseManifest } | undefined;
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
  if (pointer === null) return { ...seen, production: undefined, verdicts: undefined };
  const manifest = await loadManifest(store, await readTrustedKeys(publicKeyFile), pointer.release);
  return { ...seen, production: { pointer, manifest }, verdicts: await verdicts.countsOf(pointer.release) };
}

async function readSummary(store: ModelStore): Promise<ArchiveSummary | null> {
  const bytes = await getIfPresent(store, trainingKeys.summary);
  return bytes === null ? null : archiveSummarySchema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
}

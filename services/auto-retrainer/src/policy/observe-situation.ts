import { getIfPresent, type ModelStore } from '@liminal/shared/adapters/model-store';
import type { TrainingQueue } from '@liminal/shared/adapters/training-queue';
import { type ArchiveSummary, archiveSummarySchema, trainingKeys } from '@liminal/shared/contracts/training-rows';
import { loadManifest, readPointer } from '@liminal/shared/release/load-release';
import { readTrustedKeys } from '@liminal/shared/release/signing-key';
import type { Situation } from './policy.ts';

export interface SituationSources {
  store: ModelStore;
  queue: TrainingQueue;
  publicKeyFile: string;
}

/** Looks at release, archive and queue. Throws while one of them can't be read. */
export async function observeSituation({ store, queue, publicKeyFile }: SituationSources): Promise<Situation> {
  const [summary, pointer, counts] = await Promise.all([
    readSummary(store),
    readPointer(store, 'production'),
    queue.getJobCounts('active', 'waiting', 'delayed', 'prioritized'),
  ]);
  const isTraining = Object.values(counts).some((count) => count > 0);
  const seen = { rows: summary?.rows ?? 0, users: summary?.users ?? 0, isTraining };
  if (pointer === null) return { ...seen, production: undefined };
  const { provisional } = await loadManifest(store, await readTrustedKeys(publicKeyFile), pointer.release);
  return { ...seen, production: { release: pointer.release, provisional } };
}

async function readSummary(store: ModelStore): Promise<ArchiveSummary | null> {
  const bytes = await getIfPresent(store, trainingKeys.summary);
  return bytes === null ? null : archiveSummarySchema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
}

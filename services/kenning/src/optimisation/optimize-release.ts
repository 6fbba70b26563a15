import type { ModelStoreSettings } from '@liminal/shared/adapters/model-store-settings';
import type { OptimizeReleaseJob, OptimizeReleaseResult } from '@liminal/shared/contracts/jobs';
import { createMatrix } from '../detectors/matrix.ts';
import { type ProcessContext, runInProcess } from '../pipelines/run-in-process.ts';
import { TrainingDataError } from '../pipelines/training-errors.ts';
import type { ReleaseRegistry } from '../registry/release-registry.ts';
import type { OptimisationResult, OptimisationTask } from './optimisation-process.ts';
import type { ReportStore } from './report-store.ts';
import { takesFeatures } from './takes-features.ts';

export interface OptimizeReleaseParts {
  modelStore: ModelStoreSettings;
  registry: ReleaseRegistry;
  reports: ReportStore;
}

/**
 * Makes variants of the models of a release, measures them in a process of its own, and stores files and report. The
 * release itself does not change, and no variant gets into one.
 */
export async function optimizeRelease(
  { release, models, maxRows, labels, labelledRows }: OptimizeReleaseJob,
  { modelStore, registry, reports }: OptimizeReleaseParts,
  context: ProcessContext,
): Promise<OptimizeReleaseResult> {
  const { manifest, files, background } = await registry.load(release);
  const chosen = manifest.models.filter((model) => (models?.includes(model.name) ?? true) && takesFeatures(model));
  if (chosen.length === 0) {
    throw new TrainingDataError('none of these models takes the features of a row, so there is nothing to compare on');
  }
  const task: OptimisationTask = {
    modelStore,
    maxRows,
    labels,
    labelledRows,
    models: chosen.map(({ name, version }) => ({ name, version, bytes: Uint8Array.from(files.get(name)!) })),
    background: createMatrix(background, manifest.background.columns),
  };
  const process = new URL('./optimisation-process.ts', import.meta.url);
  const result = await runInProcess<OptimisationResult>(process, task, context);
  const { id } = await reports.publish(release, result);
  return { report: id, release };
}

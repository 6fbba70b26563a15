import type { ModelStoreSettings } from '@liminal/shared/adapters/model-store-settings';
import type { TuneModelsResult } from '@liminal/shared/contracts/jobs';
import type { LabelSource } from '@liminal/shared/contracts/tuning';
import { rightCensored } from '../detectors/right-censoring.ts';
import { censoringLimits, longestInterval } from '../pipelines/longest-interval.ts';
import { serveTask } from '../pipelines/run-in-process.ts';
import { archivedRows } from '../training/archived-rows.ts';
import { separateLabelled } from './labelled-rows.ts';
import { type TuningOptions, tuneModels } from './tune-models.ts';

/** What the process is started with. */
export interface TuningTask extends LabelSource {
  modelStore: ModelStoreSettings;
  maxRows: number;
  options: TuningOptions;
  /** From the rows' hash unless given. */
  seed: number | undefined;
}

/** Share of a tuning's time that reading takes. */
const READ_SHARE = 0.05;

/** Entry of the process that tunes: reads the archive, searches, and tells what it found. */
await serveTask<TuningTask>(async (task, { onProgress, warn }): Promise<TuneModelsResult> => {
  const startedAt = performance.now();
  onProgress({ stage: 'gather rows', ratio: 0 });
  const archived = await archivedRows(task.modelStore, task.maxRows, warn);
  const seed = task.seed ?? Number.parseInt(archived.sha256.slice(0, 8), 16);
  const { labelled, unlabelled, labelsNotFound } = separateLabelled(archived, task);
  // As the models of a release take them.
  const limits = censoringLimits(longestInterval(archived.ts));
  const censored = labelled && { ...labelled, rows: rightCensored(labelled.rows, limits) };
  const { models, rows } = await tuneModels(rightCensored(unlabelled, limits), censored, task.options, {
    seed,
    onProgress: ({ model, ratio }) =>
      onProgress({ stage: `tune ${model}`, ratio: READ_SHARE + (1 - READ_SHARE) * ratio }),
  });
  return {
    models,
    rows: { archived: archived.rows, ...rows, labelsNotFound },
    seed,
    seconds: (performance.now() - startedAt) / 1000,
    train: { options: Object.fromEntries(models.map(({ model, options }) => [model, options])) },
  };
});

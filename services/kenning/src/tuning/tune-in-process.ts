import type { ModelStoreSettings } from '@liminal/shared/adapters/model-store-settings';
import type { TuneModelsJob, TuneModelsResult } from '@liminal/shared/contracts/jobs';
import { type ProcessContext, runInProcess } from '../pipelines/run-in-process.ts';
import { TUNABLE_NAMES } from './model-spaces.ts';
import { DEFAULT_TUNING } from './tune-models.ts';
import type { TuningTask } from './tuning-process.ts';

/** Tunes models on the newest archived rows in a process of its own. Rejects as `tuneModels` does. */
export function tuneInProcess(
  { models, configurations, seed, labels, labelledRows }: TuneModelsJob,
  { modelStore, maxRows }: { modelStore: ModelStoreSettings; maxRows: number },
  context: ProcessContext,
): Promise<TuneModelsResult> {
  const task: TuningTask = {
    modelStore,
    maxRows,
    seed,
    labels,
    labelledRows,
    options: { ...DEFAULT_TUNING, configurations, models: TUNABLE_NAMES.filter((name) => models.includes(name)) },
  };
  return runInProcess<TuneModelsResult>(new URL('./tuning-process.ts', import.meta.url), task, context);
}

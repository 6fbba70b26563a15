import { type ModelStoreSettings, openConfiguredModelStore } from '@liminal/shared/adapters/model-store-settings';
import { type ReadTrainingRowsOptions, readTrainingRows, type TrainingRows } from '../archive/archive-reader.ts';

/** The newest archived rows, read with a store of its own: for processes that have none. */
export async function archivedRows(
  modelStore: ModelStoreSettings,
  maxRows: number,
  warn: (fields: object, message: string) => void,
  options: Omit<ReadTrainingRowsOptions, 'maxRows' | 'log'> = {},
): Promise<TrainingRows> {
  const store = openConfiguredModelStore(modelStore);
  try {
    return await readTrainingRows(store, { ...options, maxRows, log: { warn } });
  } finally {
    store.close();
  }
}

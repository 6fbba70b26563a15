import { type ModelStoreSettings, openConfiguredModelStore } from '@liminal/shared/adapters/model-store-settings';
import { readTrainingRows, type TrainingRows } from '../archive/archive-reader.ts';

/** The newest archived rows, read with a store of its own: for processes that have none. */
export async function archivedRows(
  modelStore: ModelStoreSettings,
  maxRows: number,
  warn: (fields: object, message: string) => void,
  { loadHistory = false }: { loadHistory?: boolean } = {},
): Promise<TrainingRows> {
  const store = openConfiguredModelStore(modelStore);
  try {
    return await readTrainingRows(store, { maxRows, loadHistory, log: { warn } });
  } finally {
    store.close();
  }
}

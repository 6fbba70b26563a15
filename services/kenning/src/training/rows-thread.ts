import { parentPort, workerData } from 'node:worker_threads';
import { type ModelStoreSettings, openConfiguredModelStore } from '@liminal/shared/adapters/model-store-settings';
import { readTrainingRows } from '../archive/archive-reader.ts';
import { factoryRows } from './factory-rows.ts';
import type { RowsMessage, RowsRequest } from './rows-in-thread.ts';

/** Entry of the worker thread that `rowsInThread` starts: gathers training rows once, then the thread ends. */
const post = (message: RowsMessage, transfer: ArrayBuffer[] = []): void => parentPort!.postMessage(message, transfer);

async function archivedRows(modelStore: ModelStoreSettings, maxRows: number) {
  const store = openConfiguredModelStore(modelStore);
  try {
    const log = { warn: (fields: object, message: string) => post({ type: 'warn', fields, message }) };
    return await readTrainingRows(store, { maxRows, log });
  } finally {
    store.close();
  }
}

const request = workerData as RowsRequest;
const rows =
  request.source === 'archive' ? await archivedRows(request.modelStore, request.maxRows) : factoryRows(request);
const users = new Set(rows.users).size;
const { features, sha256, ts } = rows;
const summary = { rows: rows.rows, users, fromTs: ts[0] ?? 0, toTs: ts.at(-1) ?? 0, sha256 };
post({ type: 'rows', rows: { features, summary } }, [features.buffer as ArrayBuffer]);

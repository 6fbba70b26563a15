import { Worker } from 'node:worker_threads';
import type { ModelStoreSettings } from '@liminal/shared/adapters/model-store-settings';
import type { ReleaseManifest } from '@liminal/shared/contracts/release';

/** Where training rows come from: the archive, or the simulator for the factory release. */
export type RowsRequest =
  | { source: 'archive'; modelStore: ModelStoreSettings; maxRows: number }
  | { source: 'simulator'; seed: number };

export interface GatheredRows {
  /** Row-major float32 [rows, 7], NaN = not observed. */
  features: Float32Array;
  summary: ReleaseManifest['trainingData'];
}

export type RowsMessage = { type: 'rows'; rows: GatheredRows } | { type: 'warn'; fields: object; message: string };

/** Gathers training rows in a thread of its own: decoding and folding would block the event loop for seconds. */
export function rowsInThread(
  request: RowsRequest,
  { signal, warn }: { signal: AbortSignal; warn(fields: object, message: string): void },
): Promise<GatheredRows> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./rows-thread.ts', import.meta.url), {
      name: 'kenning-rows',
      workerData: request,
    });
    const cancel = (): void => void worker.terminate();
    signal.addEventListener('abort', cancel, { once: true });
    let rows: GatheredRows | undefined;
    worker.on('message', (message: RowsMessage) => {
      if (message.type === 'rows') rows = message.rows;
      else warn(message.fields, message.message);
    });
    worker.once('error', reject);
    worker.once('exit', (exitCode) => {
      signal.removeEventListener('abort', cancel);
      if (signal.aborted) reject(signal.reason);
      else if (rows === undefined) reject(new Error(`the thread that reads rows ended with code ${exitCode}`));
      else resolve(rows);
    });
  });
}

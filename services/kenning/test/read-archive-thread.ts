import { parentPort, workerData } from 'node:worker_threads';
import { openModelStore } from '@liminal/shared/adapters/model-store';
import { readTrainingRows } from '../src/archive/archive-reader.ts';

const { url, maxRows } = workerData as { url: string; maxRows: number };
const from = performance.now();
const { rows, duplicates } = await readTrainingRows(openModelStore(url), {
  maxRows,
  log: {
    warn: (fields, message) => {
      throw new Error(message, { cause: fields });
    },
  },
});
parentPort?.postMessage({ rows, duplicates, ms: performance.now() - from });

import { Worker } from 'node:worker_threads';
import { unpackError } from './error-transfer.ts';
import type { TrainedRelease } from './train-release-models.ts';
import type { TrainingContext } from './trained-model.ts';
import type { TrainingCommand, TrainingReport, TrainingRequest } from './training-messages.ts';

/** How long a cancelled thread may take to end by itself; the longest step of training is far shorter. */
const CANCEL_TIMEOUT_MS = 5_000;

/**
 * `trainReleaseModels` in a thread of its own, so that the event loop stays free. Settles when the thread has ended, with
 * the result, with the very error that training threw, or with the reason of the signal.
 */
export async function trainInThread(
  request: TrainingRequest,
  { onProgress, signal }: Pick<TrainingContext, 'onProgress' | 'signal'> = {},
): Promise<TrainedRelease> {
  signal?.throwIfAborted();
  const worker = new Worker(new URL('./training-thread.ts', import.meta.url), {
    name: 'kenning-training',
    workerData: request,
  });
  let last: Exclude<TrainingReport, { type: 'progress' }> | undefined;
  worker.on('message', (report: TrainingReport) => {
    if (report.type !== 'progress') last = report;
    else if (!signal?.aborted) onProgress?.(report.progress);
  });

  let terminator: NodeJS.Timeout | undefined;
  const cancel = (): void => {
    worker.postMessage({ type: 'cancel' } satisfies TrainingCommand);
    terminator = setTimeout(() => void worker.terminate(), CANCEL_TIMEOUT_MS);
  };
  signal?.addEventListener('abort', cancel, { once: true });
  try {
    const exitCode = await exitOf(worker);
    signal?.throwIfAborted();
    if (last === undefined) throw new Error(`the training thread ended with code ${exitCode} and no result`);
    if (last.type === 'failed') throw unpackError(last.error);
    return last.release;
  } finally {
    clearTimeout(terminator);
    signal?.removeEventListener('abort', cancel);
  }
}

function exitOf(worker: Worker): Promise<number> {
  return new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.once('exit', resolve);
  });
}

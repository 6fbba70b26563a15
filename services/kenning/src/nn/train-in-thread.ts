import { Worker } from 'node:worker_threads';
import type { TrainingObserver, TrainingResult, TrainingTask } from './training.ts';
import { TrainingDivergedError } from './training-diverged-error.ts';
import type { ThreadCommand, ThreadReport } from './training-thread.ts';

/**
 * `train` in a thread of its own, so that this one's event loop stays free. Settles when the thread has ended. Cancellation
 * takes effect after the run under way, so that the session is released in order.
 */
export async function trainInThread(
  task: TrainingTask,
  { onProgress, signal }: TrainingObserver = {},
): Promise<TrainingResult> {
  signal?.throwIfAborted();
  const worker = new Worker(new URL('./training-thread.ts', import.meta.url), { workerData: task, execArgv: [] });
  let last: Exclude<ThreadReport, { type: 'progress' }> | undefined;
  worker.on('message', (report: ThreadReport) => {
    if (report.type !== 'progress') last = report;
    else if (!signal?.aborted) onProgress?.(report.share);
  });
  const cancel = (): void => worker.postMessage({ type: 'cancel' } satisfies ThreadCommand);
  signal?.addEventListener('abort', cancel, { once: true });
  try {
    const exitCode = await new Promise<number>((resolve, reject) => {
      worker.once('error', reject);
      worker.once('exit', resolve);
    });
    signal?.throwIfAborted();
    if (last === undefined) throw new Error(`the training thread ended with code ${exitCode} and no result`);
    if (last.type === 'diverged') throw new TrainingDivergedError(last.step, last.loss);
    return last.result;
  } finally {
    signal?.removeEventListener('abort', cancel);
  }
}

import { exitOf, startChildTask } from './child-task.ts';
import { unpackError } from './error-transfer.ts';
import type { TrainedRelease } from './train-release-models.ts';
import type { TrainingContext } from './trained-model.ts';
import type { TrainingCommand, TrainingReport, TrainingRequest } from './training-messages.ts';

/** How long a cancelled process may take to end by itself; the longest step of training is far shorter. */
const CANCEL_TIMEOUT_MS = 5_000;

/**
 * `trainReleaseModels` in a process of its own, so that the event loop stays free. Settles when the process has ended,
 * with the result, with the very error that training threw, or with the reason of the signal.
 */
export async function trainInProcess(
  request: TrainingRequest,
  { onProgress, signal }: Pick<TrainingContext, 'onProgress' | 'signal'> = {},
): Promise<TrainedRelease> {
  signal?.throwIfAborted();
  const child = startChildTask(new URL('./training-process.ts', import.meta.url), request);
  let last: Exclude<TrainingReport, { type: 'progress' }> | undefined;
  child.on('message', (message) => {
    const report = message as TrainingReport;
    if (report.type !== 'progress') last = report;
    else if (!signal?.aborted) onProgress?.(report.progress);
  });

  let terminator: NodeJS.Timeout | undefined;
  const cancel = (): void => {
    if (child.connected) child.send({ type: 'cancel' } satisfies TrainingCommand);
    terminator = setTimeout(() => child.kill('SIGKILL'), CANCEL_TIMEOUT_MS);
  };
  signal?.addEventListener('abort', cancel, { once: true });
  try {
    const exitCode = await exitOf(child);
    signal?.throwIfAborted();
    if (last === undefined) throw new Error(`the training process ended with code ${exitCode} and no result`);
    if (last.type === 'failed') throw unpackError(last.error);
    return last.release;
  } finally {
    clearTimeout(terminator);
    signal?.removeEventListener('abort', cancel);
  }
}

import { exitOf, startChildTask } from './child-task.ts';
import { unpackError } from './error-transfer.ts';
import type { TrainedModels, TrainedRelease } from './train-release-models.ts';
import type { TrainingContext } from './trained-model.ts';
import type { ModelTrainingRequest, TrainingCommand, TrainingReport, TrainingRequest } from './training-messages.ts';

/** How long a cancelled process may take to end by itself; the longest step of training is far shorter. */
const CANCEL_TIMEOUT_MS = 5_000;

type ProcessContext = Pick<TrainingContext, 'onProgress' | 'signal'>;

/**
 * `trainReleaseModels` in a process of its own, so that the event loop stays free. Settles when the process has ended,
 * with the result, with the very error that training threw, or with the reason of the signal.
 */
export function trainInProcess(request: TrainingRequest, context: ProcessContext = {}): Promise<TrainedRelease> {
  return runTraining(new URL('./training-process.ts', import.meta.url), request, context);
}

/** `trainModels` in a process of its own; settles as `trainInProcess` does. */
export function trainModelsInProcess(
  request: ModelTrainingRequest,
  context: ProcessContext = {},
): Promise<TrainedModels> {
  return runTraining(new URL('./model-training-process.ts', import.meta.url), request, context);
}

async function runTraining<Trained>(
  entry: URL,
  request: TrainingRequest | ModelTrainingRequest,
  { onProgress, signal }: ProcessContext,
): Promise<Trained> {
  signal?.throwIfAborted();
  const child = startChildTask(entry, request);
  let last: Exclude<TrainingReport<Trained>, { type: 'progress' }> | undefined;
  child.on('message', (message) => {
    const report = message as TrainingReport<Trained>;
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
    return last.trained;
  } finally {
    clearTimeout(terminator);
    signal?.removeEventListener('abort', cancel);
  }
}

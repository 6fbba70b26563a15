import type { JobProgress } from '@liminal/shared/contracts/jobs';
import { exitOf, leaveParent, receiveTask, sendToParent, startChildTask } from './child-task.ts';
import { packError, type TransferredError, unpackError } from './error-transfer.ts';

export interface ProcessContext {
  signal: AbortSignal;
  onProgress(progress: JobProgress): void;
  warn(fields: object, message: string): void;
}

type ProcessReport<Result> =
  | { type: 'progress'; progress: JobProgress }
  | { type: 'warn'; fields: object; message: string }
  | { type: 'done'; result: Result }
  | { type: 'failed'; error: TransferredError };

/**
 * Runs a file that calls `serveTask` in a process of its own, so that the event loop stays free. Settles when the process
 * has ended: with the result, with the error that the task threw, or with the reason of the signal, which ends the process
 * at once.
 */
export async function runInProcess<Result>(
  file: URL,
  task: object,
  { signal, onProgress, warn }: ProcessContext,
): Promise<Result> {
  signal.throwIfAborted();
  const child = startChildTask(file, task);
  const cancel = (): void => void child.kill('SIGKILL');
  signal.addEventListener('abort', cancel, { once: true });
  let last: Extract<ProcessReport<Result>, { type: 'done' | 'failed' }> | undefined;
  child.on('message', (received) => {
    const message = received as ProcessReport<Result>;
    if (message.type === 'progress') onProgress(message.progress);
    else if (message.type === 'warn') warn(message.fields, message.message);
    else last = message;
  });
  try {
    const exitCode = await exitOf(child);
    signal.throwIfAborted();
    if (last === undefined) throw new Error(`${file.pathname} ended with code ${exitCode} and no result`);
    if (last.type === 'failed') throw unpackError(last.error);
    return last.result;
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}

/** In the process: does the task that it was started with, once; then the process ends. */
export async function serveTask<Task>(
  work: (task: Task, context: Omit<ProcessContext, 'signal'>) => Promise<unknown>,
): Promise<void> {
  const send = (message: ProcessReport<unknown>): Promise<void> => sendToParent(message);
  try {
    const task = await receiveTask<Task>();
    const result = await work(task, {
      onProgress: (progress) => void send({ type: 'progress', progress }),
      warn: (fields, message) => void send({ type: 'warn', fields, message }),
    });
    await send({ type: 'done', result });
  } catch (error) {
    await send({ type: 'failed', error: packError(error) });
  }
  leaveParent();
}

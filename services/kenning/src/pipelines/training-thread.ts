import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { packError } from './error-transfer.ts';
import { trainReleaseModels } from './train-release-models.ts';
import type { TrainingCommand, TrainingReport, TrainingRequest } from './training-messages.ts';

/** Entry of the worker thread that `trainInThread` starts: one training, then the thread ends. */
async function runTraining({ rows, options, seed }: TrainingRequest, port: MessagePort): Promise<void> {
  const cancellation = new AbortController();
  port.on('message', ({ type }: TrainingCommand) => {
    if (type === 'cancel') cancellation.abort();
  });
  const report = (message: TrainingReport, transfer: ArrayBuffer[] = []): void => port.postMessage(message, transfer);
  try {
    const release = await trainReleaseModels(rows, options, {
      seed,
      signal: cancellation.signal,
      onProgress: (progress) => report({ type: 'progress', progress }),
    });
    report(
      { type: 'trained', release },
      release.models.map(({ onnx }) => onnx.buffer),
    );
  } catch (error) {
    report({ type: 'failed', error: packError(error) });
  } finally {
    // Listening would keep the thread alive.
    port.close();
  }
}

if (parentPort === null) throw new Error('this file is the entry of a worker thread: call trainInThread');
await runTraining(workerData as TrainingRequest, parentPort);

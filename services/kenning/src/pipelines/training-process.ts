import { leaveParent, receiveTask, sendToParent } from './child-task.ts';
import { packError } from './error-transfer.ts';
import { trainReleaseModels } from './train-release-models.ts';
import type { TrainingCommand, TrainingReport, TrainingRequest } from './training-messages.ts';

/** Entry of the process that `trainInProcess` starts: one training, then the process ends. */
const { rows, options, seed } = await receiveTask<TrainingRequest>();
const cancellation = new AbortController();
process.on('message', (message) => {
  if ((message as TrainingCommand).type === 'cancel') cancellation.abort();
});
const report = (message: TrainingReport): Promise<void> => sendToParent(message);
try {
  const release = await trainReleaseModels(rows, options, {
    seed,
    signal: cancellation.signal,
    onProgress: (progress) => void report({ type: 'progress', progress }),
  });
  await report({ type: 'trained', release });
} catch (error) {
  await report({ type: 'failed', error: packError(error) });
}
leaveParent();

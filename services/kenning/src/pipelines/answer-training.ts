import { leaveParent, receiveTask, sendToParent } from './child-task.ts';
import { packError } from './error-transfer.ts';
import type { TrainingContext } from './trained-model.ts';
import type { TrainingCommand, TrainingReport } from './training-messages.ts';

/** In a process of its own: takes one request, trains, reports, and lets the process end. */
export async function answerTraining<Request extends { seed: number }, Trained>(
  train: (request: Request, context: TrainingContext) => Promise<Trained>,
): Promise<void> {
  const request = await receiveTask<Request>();
  const cancellation = new AbortController();
  process.on('message', (message) => {
    if ((message as TrainingCommand).type === 'cancel') cancellation.abort();
  });
  const report = (message: TrainingReport<Trained>): Promise<void> => sendToParent(message);
  try {
    const trained = await train(request, {
      seed: request.seed,
      signal: cancellation.signal,
      onProgress: (progress) => void report({ type: 'progress', progress }),
    });
    await report({ type: 'trained', trained });
  } catch (error) {
    await report({ type: 'failed', error: packError(error) });
  }
  leaveParent();
}
